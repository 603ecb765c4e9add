import { isRead, onlyReads } from 'graph-permissions/reads';
import type { PermissionRule } from '../question.ts';

/**
 * A read permission opens GET, and POST only where it reads. The published file lists read permissions on 512 writes, mostly
 * halves of conjunctions: for a Conditional Access policy the documentation asks for Policy.Read.All and
 * Policy.ReadWrite.ConditionalAccess, and the file lists both singly.
 */
export const readCeiling: PermissionRule = (permission, { method, location }) =>
  onlyReads(permission) && !isRead(method, `/${location.path}`) ? 'only reads' : undefined;
