/** Filter of the audit view. It is part of the address, so that users can share a filtered view. */
export type AuditFilter = Readonly<Partial<Record<(typeof names)[number], string>>>;

const names = ['tenant', 'caller', 'kind', 'outcome', 'from', 'to'] as const;

/** A token, a request through the gateway, or a change of the tags of a tenant. */
export const kinds: readonly string[] = ['token', 'request', 'tags'];
export const outcomes: readonly string[] = ['issued', 'denied', 'sent', 'answered', 'failed', 'changed'];

/** @param query query string without `?`. Unknown and empty parameters are ignored. */
export function parseAuditFilter(query: string): AuditFilter {
  const given = new URLSearchParams(query);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = given.get(name) ?? '';
      const known = name === 'outcome' ? outcomes : name === 'kind' ? kinds : [value];
      return value === '' || !known.includes(value) ? [] : [[name, value]];
    }),
  );
}

export function auditLink(filter: AuditFilter): string {
  const query = new URLSearchParams(names.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));
  return query.size === 0 ? '#/audit' : `#/audit?${query.toString()}`;
}
