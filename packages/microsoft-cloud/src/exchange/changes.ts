import type { CloudClock } from '../clock.ts';
import { createWrittenStates, type WriteEffect, type WrittenStates } from '../faults/written-states.ts';
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
  readonly states: WrittenStates;
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
export function createChanges(clock: Pick<CloudClock, 'nowMs'>): (tenantId: string) => TenantChanges {
  const tenants = new Map<string, TenantChanges>();
  return (tenantId) => {
    const known = tenants.get(tenantId) ?? newChanges(() => clock.nowMs());
    tenants.set(tenantId, known);
    return known;
  };
}

/** Changed properties of an object, and those before the change if a fault keeps both. */
interface Written {
  readonly row: Row;
  readonly effect: WriteEffect | undefined;
  readonly earlier: Written | undefined;
}

function newChanges(nowMs: () => number): TenantChanges {
  const states = createWrittenStates(nowMs);
  const objects = new Map<string, Written>();
  const nothing: Row = {};
  const shownOf = (written: Written | undefined): Written | undefined =>
    written?.effect !== undefined && states.showsBefore(written.effect) ? shownOf(written.earlier) : written;
  return {
    states,
    of: (kind, id) => shownOf(objects.get(`${kind} ${id}`))?.row ?? nothing,
    change: (kind, id, properties) => {
      const earlier = shownOf(objects.get(`${kind} ${id}`));
      objects.set(`${kind} ${id}`, { row: { ...earlier?.row, ...properties }, effect: states.effect(), earlier });
    },
    permissions: new Map(),
    removedPermissions: new Set(),
    mailboxes: [],
  };
}

/** Key of a permission: the mailbox, the user and the right. */
export const permissionKey = (mailboxId: string, userId: string, right: string): string =>
  [mailboxId, userId, right.toLowerCase()].join(' ');
