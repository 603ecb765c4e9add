import type * as z from 'zod';
import type { CallerRole } from '../model/caller.ts';
import type { ErrorCode } from '../model/errors.ts';

/** A body in one of its forms; `example` is what the documentation shows, and a test holds it against the schema. */
export interface Content {
  readonly mediaType: string;
  readonly schema?: z.ZodType;
  readonly example?: unknown;
}

/** A success, or an answer in a form of its own; failures follow from {@link Route.failures}. */
interface AnswerDoc {
  readonly status: number;
  readonly description: string;
  readonly contents: readonly Content[];
  /** Name → meaning; those that every answer carries are left out. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One route of the API, as the document and the checks of the contract need it. */
export interface Route {
  /** Name of the function that serves it; also the operation id. */
  readonly name: string;
  readonly method: 'GET' | 'POST';
  /** Below `/api`, in the notation of the platform and of OpenAPI alike. */
  readonly path: `/${string}`;
  readonly group: 'Tokens' | 'Tenants' | 'Jobs and runs' | 'Audit' | 'Health' | 'Pages';
  readonly summary: string;
  readonly description: string;
  /** `optional`: says more to a caller with a token. */
  readonly access: CallerRole | 'anonymous' | 'optional';
  /** Name → meaning and an example. */
  readonly pathParameters?: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
  readonly query?: z.ZodObject;
  /** What the examples ask for. */
  readonly queryExample?: Readonly<Record<string, string>>;
  readonly body?: { readonly schema: z.ZodObject; readonly example: Readonly<Record<string, unknown>> };
  readonly answers: readonly AnswerDoc[];
  /** Codes that it may answer with, beyond {@link commonFailures} of its access. */
  readonly failures: readonly ErrorCode[];
}

/** What the gate in front of a route may answer with. */
export function commonFailures(access: Route['access']): readonly ErrorCode[] {
  if (access === 'anonymous') return ['internal'];
  const gate: readonly ErrorCode[] = ['caller_unauthenticated', 'caller_throttled', 'entra_unavailable', 'internal'];
  return access === 'optional' ? gate : ['config_invalid', ...gate, 'caller_forbidden'];
}

/** A failure of the broker's own credential, confirmed in the partner's own tenant. */
const credentialFailures = [
  'credential_missing',
  'credential_expired',
  'credential_revoked',
  'client_credential_rejected',
  'consent_required',
  'interaction_required',
  'blocked_by_policy',
] as const satisfies readonly ErrorCode[];

/** What reading the list of tenants may end in. */
export const directoryFailures = [
  ...credentialFailures,
  'directory_unavailable',
] as const satisfies readonly ErrorCode[];
