import type { Row } from '../graph/declaration.ts';
import type { MailboxData } from '../population/graph/usage-data.ts';

/** A permission that somebody has been given on a mailbox. */
interface GrantedPermission {
  /** Object id of the mailbox's user. */
  readonly mailboxId: string;
  /** Object id of the user who has the permission. */
  readonly userId: string;
  readonly accessRights: readonly string[];
}

/** What cmdlets have changed in one tenant. Everything else comes from the seed. */
export interface TenantChanges {
  /** Changed properties of an object. @param kind such as `mailbox`. */
  of(kind: string, id: string): Row;
  change(kind: string, id: string, properties: Row): void;
  /** Permissions that were given, in order. */
  readonly permissions: Map<string, GrantedPermission>;
  /** Keys of permissions of the seed that were taken away. */
  readonly removedPermissions: Set<string>;
  /** Mailboxes that were created, in order. */
  readonly mailboxes: MailboxData[];
}

/** The changes of each tenant, as long as the cloud runs. @returns the changes of a tenant. */
export function createChanges(): (tenantId: string) => TenantChanges {
  const tenants = new Map<string, TenantChanges>();
  return (tenantId) => {
    const known = tenants.get(tenantId) ?? newChanges();
    tenants.set(tenantId, known);
    return known;
  };
}

function newChanges(): TenantChanges {
  const objects = new Map<string, Row>();
  const nothing: Row = {};
  return {
    of: (kind, id) => objects.get(`${kind} ${id}`) ?? nothing,
    change: (kind, id, properties) => {
      objects.set(`${kind} ${id}`, { ...objects.get(`${kind} ${id}`), ...properties });
    },
    permissions: new Map(),
    removedPermissions: new Set(),
    mailboxes: [],
  };
}

/** Key of a permission: the mailbox, the user and the right. */
export const permissionKey = (mailboxId: string, userId: string, right: string): string =>
  [mailboxId, userId, right.toLowerCase()].join(' ');
