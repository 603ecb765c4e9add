/** What an audit view is narrowed to. It stands in the address, so that the view can be sent to a colleague. */
export type AuditFilter = Readonly<Partial<Record<(typeof names)[number], string>>>;

const names = ['tenant', 'caller', 'outcome', 'from', 'to'] as const;

export const outcomes: readonly string[] = ['issued', 'denied'];

/** @param query of the address, without `?`; what is unknown or empty is passed over. */
export function parseAuditFilter(query: string): AuditFilter {
  const given = new URLSearchParams(query);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = given.get(name) ?? '';
      return value === '' || (name === 'outcome' && !outcomes.includes(value)) ? [] : [[name, value]];
    }),
  );
}

export function auditLink(filter: AuditFilter): string {
  const query = new URLSearchParams(names.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));
  return query.size === 0 ? '#/audit' : `#/audit?${query.toString()}`;
}
