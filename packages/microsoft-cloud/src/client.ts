/** A client of the control endpoint, for other processes. The endpoint is plain HTTP: there is no certificate to trust. */
import type { CloudDocument } from './document.ts';
import type { LoggedSignIn } from './entra/sign-in-log.ts';
import type { FaultState } from './faults/faults.ts';
import type { FaultRule } from './faults/rule.ts';
import type { LedgerContent } from './ledger.ts';
import type { AgentOptions, RegisteredAgent } from './population/agents.ts';
import type { TenantChange } from './population/change-tenant.ts';

export interface SignInOptions {
  /** Completes MFA. Default: true. */
  readonly mfa?: boolean;
  /** Consents for the organization if consent is missing. Takes an administrator. Default: true. */
  readonly consent?: boolean;
  /** Cancels the sign-in. */
  readonly cancel?: boolean;
}

/** @throws Error with the reason of the control endpoint. */
async function call(control: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${control}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  const reply: unknown = text === '' ? undefined : JSON.parse(text);
  if (response.ok) return reply;
  const reason =
    typeof reply === 'object' && reply !== null && 'error' in reply ? String(reply.error) : `status ${response.status}`;
  throw new Error(`The simulated cloud refused ${method} ${path}: ${reason}`);
}

/** Reads the addresses, credentials, accounts and tenants of the cloud. */
export const readDocument = (control: string): Promise<CloudDocument> =>
  call(control, 'GET', '/document') as Promise<CloudDocument>;

/** Reads the requests that the cloud has answered. */
export const readLedger = (control: string): Promise<LedgerContent> =>
  call(control, 'GET', '/ledger') as Promise<LedgerContent>;

export async function resetLedger(control: string): Promise<void> {
  await call(control, 'DELETE', '/ledger');
}

/** Adds a fault rule, or a fault set by its name. @returns the id of the rule, undefined for a set. */
export async function addFault(control: string, fault: FaultRule | string): Promise<string | undefined> {
  const reply = await call(control, 'POST', '/faults', typeof fault === 'string' ? { set: fault } : fault);
  return (reply as { readonly id?: string }).id;
}

export async function readFaults(control: string): Promise<readonly FaultState[]> {
  return ((await call(control, 'GET', '/faults')) as { readonly faults: readonly FaultState[] }).faults;
}

/** Removes one rule. Without `id`, removes all rules and restores the settings that fault sets have changed. */
export async function clearFaults(control: string, id?: string): Promise<void> {
  await call(control, 'DELETE', id === undefined ? '/faults' : `/faults/${id}`);
}

/** Sets the cloud's clock forward. @returns its new time, milliseconds since 1970. */
export async function moveClock(control: string, advanceMs: number): Promise<number> {
  return ((await call(control, 'POST', '/clock', { advanceMs })) as { readonly nowMs: number }).nowMs;
}

/** Signs an account in without the sign-in page. @returns the address that the browser would be redirected to. */
export async function signIn(
  control: string,
  authorizeUrl: string,
  username: string,
  options: SignInOptions = {},
): Promise<string> {
  const reply = await call(control, 'POST', '/sign-in', { authorizeUrl, username, ...options });
  return (reply as { readonly redirectUrl: string }).redirectUrl;
}

/** Signs an account in for a device code, without the page. */
export async function approveDeviceCode(
  control: string,
  userCode: string,
  username: string,
  options: SignInOptions = {},
): Promise<void> {
  await call(control, 'POST', '/device-code', { userCode, username, ...options });
}

/** Changes the state of a customer tenant, for example to `gdap_expired`. */
export async function setTenantState(control: string, tenantId: string, state: string): Promise<void> {
  await call(control, 'POST', `/tenants/${tenantId}`, { state });
}

/**
 * Consents to the partner's multi-tenant applications in every customer tenant that is not in the state `no_consent` or
 * `deleted`, with the permissions of their registrations. In reality the partner does this through Partner Center.
 */
export async function consentEverywhere(control: string): Promise<void> {
  await call(control, 'POST', '/consents');
}

/** Changes a customer tenant: its state, resources, delegated roles, relationships or consent. */
export async function changeTenant(control: string, tenantId: string, change: TenantChange): Promise<void> {
  await call(control, 'POST', `/tenants/${tenantId}`, change);
}

/**
 * Reads the rows of sets of Graph in a tenant, such as `users`, without a token: they cause no request in the ledger.
 * @returns the rows by the path of their set.
 */
export async function readRows<P extends string>(
  control: string,
  tenantId: string,
  paths: readonly P[],
): Promise<Readonly<Record<P, readonly Readonly<Record<string, unknown>>[]>>> {
  const query = new URLSearchParams(paths.map((path): [string, string] => ['path', path]));
  const reply = await call(control, 'GET', `/tenants/${tenantId}/rows?${query.toString()}`);
  return reply as Readonly<Record<P, readonly Readonly<Record<string, unknown>>[]>>;
}

/**
 * Reads the sign-ins that gave access tokens for a tenant, newest first, as the Entra admin center downloads its log of
 * non-interactive users and service principals.
 */
export const readSignInLog = (control: string, tenantId: string): Promise<readonly LoggedSignIn[]> =>
  call(control, 'GET', `/tenants/${tenantId}/sign-in-log`) as Promise<readonly LoggedSignIn[]>;

/** Registers the identity of an agent in the partner's tenant, with a blueprint that authenticates for it. */
export async function registerAgent(control: string, options: AgentOptions = {}): Promise<RegisteredAgent> {
  return (await call(control, 'POST', '/agents', options)) as RegisteredAgent;
}

/** Enables or disables an account of the partner, or revokes its sessions. */
export async function changeAccount(
  control: string,
  username: string,
  change: { readonly enabled?: boolean; readonly revoke?: boolean },
): Promise<void> {
  await call(control, 'POST', `/accounts/${encodeURIComponent(username)}`, change);
}

/** Changes settings of the cloud, for example `{ strictRefreshTokens: true }`. */
export async function changeSettings(control: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  await call(control, 'POST', '/settings', settings);
}
