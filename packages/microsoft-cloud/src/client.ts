import type { CloudDocument } from './document.ts';
import type { FaultRule } from './faults/rule.ts';
import type { FaultState } from './faults/faults.ts';
import type { LedgerContent } from './ledger.ts';

/** A client of the control endpoint, for other processes. It is plain HTTP on loopback: no certificate to trust. */

export interface SignInOptions {
  /** Whether MFA is done; true when absent. */
  readonly mfa?: boolean;
  /** Whether an administrator consents where consent is missing; true when absent. */
  readonly consent?: boolean;
  /** Cancels the sign-in instead. */
  readonly cancel?: boolean;
}

async function call(control: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${control}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  const answer: unknown = text === '' ? undefined : JSON.parse(text);
  if (response.ok) return answer;
  const said =
    typeof answer === 'object' && answer !== null && 'error' in answer
      ? String(answer.error)
      : `status ${response.status}`;
  throw new Error(`The local cloud refuses ${method} ${path}: ${said}`);
}

export const readDocument = (control: string): Promise<CloudDocument> =>
  call(control, 'GET', '/document') as Promise<CloudDocument>;

export const readLedger = (control: string): Promise<LedgerContent> =>
  call(control, 'GET', '/ledger') as Promise<LedgerContent>;

export async function resetLedger(control: string): Promise<void> {
  await call(control, 'DELETE', '/ledger');
}

/** Adds a rule, or a set by its name. @returns the id of the rule. */
export async function addFault(control: string, fault: FaultRule | string): Promise<string | undefined> {
  const answer = await call(control, 'POST', '/faults', typeof fault === 'string' ? { set: fault } : fault);
  return (answer as { readonly id?: string }).id;
}

export async function readFaults(control: string): Promise<readonly FaultState[]> {
  return ((await call(control, 'GET', '/faults')) as { readonly faults: readonly FaultState[] }).faults;
}

/** Removes one rule, or all. */
export async function clearFaults(control: string, id?: string): Promise<void> {
  await call(control, 'DELETE', id === undefined ? '/faults' : `/faults/${id}`);
}

/** Sets the cloud's clock forward. @returns its time, milliseconds. */
export async function moveClock(control: string, advanceMs: number): Promise<number> {
  return ((await call(control, 'POST', '/clock', { advanceMs })) as { readonly nowMs: number }).nowMs;
}

/** Does what a person does at the sign-in page. @returns the address that the browser is sent to. */
export async function signIn(
  control: string,
  authorizeUrl: string,
  username: string,
  options: SignInOptions = {},
): Promise<string> {
  const answer = await call(control, 'POST', '/sign-in', { authorizeUrl, username, ...options });
  return (answer as { readonly redirectUrl: string }).redirectUrl;
}

/** Does what a person does at the device code page. */
export async function approveDeviceCode(
  control: string,
  userCode: string,
  username: string,
  options: SignInOptions = {},
): Promise<void> {
  await call(control, 'POST', '/device-code', { userCode, username, ...options });
}

/** Changes what is broken in a tenant. */
export async function setTenantState(control: string, tenantId: string, state: string): Promise<void> {
  await call(control, 'POST', `/tenants/${tenantId}`, { state });
}

/** Disables or enables an account of the partner, or revokes its sessions. */
export async function changeAccount(
  control: string,
  username: string,
  change: { readonly enabled?: boolean; readonly revoke?: boolean },
): Promise<void> {
  await call(control, 'POST', `/accounts/${encodeURIComponent(username)}`, change);
}

export async function changeSettings(control: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  await call(control, 'POST', '/settings', settings);
}
