import { auditKinds, auditOutcomes } from '../../src/lib/audit/audit-log.ts';

/** Filter of the audit view. It is part of the address, so that users can share a filtered view. */
export type AuditFilter = Readonly<Partial<Record<(typeof names)[number], string>>>;

const names = ['tenant', 'caller', 'kind', 'outcome', 'approval', 'breakGlass', 'from', 'to'] as const;

/** Values that a parameter may have. Absent: any. */
const knownValues: Readonly<Partial<Record<(typeof names)[number], readonly string[]>>> = {
  kind: auditKinds,
  outcome: auditOutcomes,
  breakGlass: ['true'],
};

/** @param query query string without `?`. Unknown and empty parameters are ignored. */
export function parseAuditFilter(query: string): AuditFilter {
  const given = new URLSearchParams(query);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = given.get(name) ?? '';
      return value === '' || knownValues[name]?.includes(value) === false ? [] : [[name, value]];
    }),
  );
}

export function auditLink(filter: AuditFilter): string {
  const query = new URLSearchParams(names.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));
  return query.size === 0 ? '#/audit' : `#/audit?${query.toString()}`;
}
