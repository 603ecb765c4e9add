import { type Fact, partyOf, type Subject } from '../approvals/approval.ts';
import { digestOf } from '../approvals/digest.ts';
import type { Decision, Denial } from '../access/policy/decide.ts';
import type { Caller } from '../core/caller.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Grant, Resource } from '../core/token.ts';

/** A token that a rule allows. */
export interface AllowedToken {
  readonly tenantId: TenantId;
  /** Undefined if the directory does not list the tenant. */
  readonly tenantName: string | undefined;
  readonly resource: Resource;
  readonly rule: Exclude<Decision, Denial>;
}

/**
 * Describes a token order for people who approve it. Bound to the approval: the caller, the tenant, the resource, the
 * requested scopes, the grant, and what the rule makes of them. The minimum lifetime changes nothing.
 */
export function tokenSubject(
  { tenantId, tenantName, resource, rule }: AllowedToken,
  { scopes, grant }: { readonly scopes: readonly string[]; readonly grant: Grant },
  caller: Caller,
): Subject {
  const asked = [...new Set(scopes)].toSorted();
  const limit = rule.scopes === undefined ? null : [...rule.scopes].toSorted();
  const facts: Fact[] = [
    { name: 'Tenant', value: tenantName === undefined ? tenantId : `${tenantName} (${tenantId})` },
    { name: 'Resource', value: `${resource.alias} (${resource.identifier})` },
    { name: 'Requested scopes', value: asked.length === 0 ? 'everything that was consented' : asked.join(', ') },
    {
      name: 'The token may carry',
      value: limit === null ? 'everything that was consented' : `${limit.join(', ')}${more(rule.excessScopes)}`,
    },
    { name: 'Acts as', value: grant === 'delegated' ? 'the service account' : 'the application itself' },
    { name: "The broker's application", value: rule.application },
    {
      name: 'Note',
      value:
        'A token that was handed out works until it expires, for up to 90 minutes. Revoking the approval does not end it.',
    },
  ];
  return {
    kind: 'token',
    digest: digestOf('token', partyOf(caller), [
      tenantId,
      resource.alias,
      resource.identifier,
      asked,
      grant,
      rule.rule,
      rule.application,
      limit,
      rule.excessScopes,
    ]),
    title: `a token for ${resource.alias} in ${tenantName ?? tenantId}`,
    facts,
    details: [],
    tenantId,
    rule: rule.rule,
    audit: { resource: resource.alias, scopes: asked, grant, application: rule.application },
  };
}

const more = (excess: 'refuse' | 'record'): string =>
  excess === 'record' ? ', and what was consented beyond that' : '';
