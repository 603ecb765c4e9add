import type { Change, Row, TenantView } from '../../../graph/declaration.ts';
import { badRequest, forbidden } from '../../../graph/graph-error.ts';
import { checkLengths, invalid, isNickname } from './texts.ts';

const kinds: ReadonlySet<unknown> = new Set(['Unified', 'DynamicMembership']);

const typesOf = (row: Row): readonly unknown[] => (Array.isArray(row['groupTypes']) ? row['groupTypes'] : []);

/**
 * Refuses a group that Graph refuses. Graph creates security groups and Microsoft 365 groups; Exchange creates the others
 * ("Create group"). @throws GraphError 400
 */
export function checkGroup(_tenant: TenantView, { values, row, before }: Change): void {
  checkLengths(values, { displayName: 256, description: 1024 }, 'Group');
  if (values['mailNickname'] !== undefined && !isNickname(values['mailNickname']))
    throw invalid('mailNickname', 'Group');
  const types = typesOf(row);
  const changesKind = ['groupTypes', 'mailEnabled', 'securityEnabled'].some((name) => values[name] !== undefined);
  if (before === undefined || changesKind) checkKind(row, types);
  const { membershipRule } = row;
  const isDynamic = types.includes('DynamicMembership');
  if (isDynamic && (typeof membershipRule !== 'string' || membershipRule.trim() === ''))
    throw badRequest("A value is required for property 'membershipRule' of resource 'Group'.");
}

function checkKind({ mailEnabled, securityEnabled }: Row, types: readonly unknown[]): void {
  if (!types.every((each) => kinds.has(each))) throw invalid('groupTypes', 'Group');
  const isUnified = types.includes('Unified');
  if (isUnified ? mailEnabled === true : mailEnabled === false && securityEnabled === true) return;
  throw badRequest(
    isUnified
      ? "The property 'mailEnabled' of a group of the type 'Unified' must be true."
      : 'Cannot Create a mail-enabled security groups and or distribution list.',
  );
}

/**
 * A rule decides who is a member of a dynamic group, and Exchange who is one of a mail-enabled group that is no Microsoft
 * 365 group ("Add members"). @throws GraphError 403, 400
 */
export function checkMembership(group: Row): void {
  const types = typesOf(group);
  if (types.includes('DynamicMembership')) throw forbidden();
  if (group['mailEnabled'] === true && !types.includes('Unified'))
    throw badRequest('Cannot Update a mail-enabled security groups and or distribution list.');
}
