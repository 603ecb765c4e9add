import { hash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { type Fetch, OutboundError, type OutboundReply, retryAfterSeconds, sendForStatus } from '../core/outbound.ts';
import type { Secret } from '../core/secrets.ts';
import type { Notice } from './notice.ts';

/** The products whose incoming webhooks are supported. Their bodies differ. */
export const webhookForms = ['teams', 'slack'] as const;
export type WebhookForm = (typeof webhookForms)[number];

export const targetNames = ['chat', 'webhook'] as const;
/** `chat`: Teams or Slack. `webhook`: a program, which gets signed requests. */
export type TargetName = (typeof targetNames)[number];

/** What became of one request. */
export type Outcome =
  | { readonly is: 'delivered' }
  /** The receiver has answered 410: it wants nothing more. */
  | { readonly is: 'gone' }
  | {
      readonly is: 'failed';
      /** Ends a sentence that begins with the target. */
      readonly reason: string;
      /** What the failure is about: another notice may do better, or none will. */
      readonly concerns: 'notice' | 'target';
      /** How long the receiver wants no request at all. */
      readonly retryAfterMs: number | undefined;
    };

/** Where notices go. */
export interface Target {
  readonly name: TargetName;
  /** Names the target in sentences. */
  readonly title: string;
  /** The setting that holds its address. */
  readonly setting: string;
  /** Tells whether the address has changed, without telling the address. */
  readonly addressDigest: string;
  /** Whether it gets many notices of one kind as one message. A program counts them, so it gets each. */
  readonly bundles: boolean;
  /** Sends one request. Never throws. @param notice a clean one. */
  send(notice: Notice): Promise<Outcome>;
}

export interface TargetDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** A receiver that needs longer counts as failed. */
const timeoutMs = 15_000;
const maxBodyBytes = 64 * 1024;

/** Sends one POST request, without following redirects: an answer must not choose who reads customers' names. Never throws. */
export async function post(
  { fetch, clock }: TargetDeps,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Outcome> {
  try {
    const reply = await sendForStatus(fetch, { method: 'POST', url: url.href, headers, body, timeoutMs, maxBodyBytes });
    return outcomeOf(reply, clock.nowMs());
  } catch (thrown) {
    const failure = thrown instanceof OutboundError ? thrown.failure : 'network';
    return { is: 'failed', reason: failures[failure], concerns: 'target', retryAfterMs: undefined };
  }
}

const failures = {
  timeout: `did not answer within ${timeoutMs / 1000} seconds`,
  aborted: 'did not answer',
  network: 'could not be reached',
  // Only of a body, which does not matter.
  too_large: 'did not answer',
};

/** Bad Request, Content Too Large, Unprocessable Content (RFC 9110): the content of the request is to blame. */
const contentStatuses = new Set([400, 413, 422]);

function outcomeOf({ status, headers }: OutboundReply<void>, nowMs: number): Outcome {
  if (status >= 200 && status < 300) return { is: 'delivered' };
  if (status === 410) return { is: 'gone' };
  const isRedirect = status >= 300 && status < 400;
  const seconds = status === 429 || status === 503 ? retryAfterSeconds(headers, nowMs) : undefined;
  return {
    is: 'failed',
    reason: isRedirect ? `answers ${status}, a redirect, which is not followed` : `answers ${status}`,
    concerns: contentStatuses.has(status) ? 'notice' : 'target',
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
  };
}

/**
 * The address of a target: https, or http to this machine.
 * @throws BrokerError config_invalid, which does not quote the address.
 */
export function parseAddress(setting: string, address: Secret): URL {
  const text = address.reveal();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback.has(url.hostname))) return url;
  if (isUnresolved(text)) throw unresolved(setting);
  throw new BrokerError('config_invalid', `${setting}: is not an https address.`);
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The platform passes an unresolved reference to the app unchanged ("Use Key Vault references as app settings"). */
export const isUnresolved = (text: string): boolean => text.startsWith('@Microsoft.KeyVault(');

export const unresolved = (setting: string): BrokerError =>
  new BrokerError(
    'config_invalid',
    `${setting}: the Key Vault reference was not resolved. Check its secret name, and that the identity of the app may read the secret.`,
  );

export const digestOf = (url: URL): string => hash('sha256', url.href, 'hex').slice(0, 16);
