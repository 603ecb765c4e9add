import { createHash } from 'node:crypto';
import type { ApprovalKind, Party } from './approval.ts';

/** A value with one JSON text. */
export type DigestPart = string | number | boolean | null | readonly DigestPart[];

/**
 * The SHA-256 of everything that an approval is bound to, in hexadecimal. JSON of nested lists has no two readings, so no
 * two requests share a text.
 */
export const digestOf = (kind: ApprovalKind, asker: Party, parts: readonly DigestPart[]): string =>
  createHash('sha256')
    .update(
      JSON.stringify(['approval-1', kind, asker.tenantId, asker.applicationId, asker.objectId, asker.kind, parts]),
    )
    .digest('hex');
