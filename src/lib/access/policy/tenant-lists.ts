import { parseEntry, type TenantEntry } from '../tenants/entry.ts';
import { noGroups, readGroups, type TenantGroups, unknownGroups } from '../tenants/tenant-groups.ts';
import { choiceOf, createSetCompiler, type TenantChoice } from '../tenants/tenant-set.ts';
import type { WrittenTenants } from './policy.ts';
import type { PolicyDocument, RuleDocument } from './policy-document.ts';

const listNames = ['tenants', 'except', 'reads'] as const;

/** The schema has checked each entry. */
const entriesOf = (texts: readonly string[] = []): readonly TenantEntry[] =>
  texts.flatMap((text) => parseEntry(text) ?? []);

/** The groups of a policy. */
export const groupsOf = ({ tenantGroups = {} }: PolicyDocument): TenantGroups => {
  const read = readGroups(tenantGroups);
  return read.ok ? read.groups : noGroups;
};

/** Checks what the schema cannot: that groups exist and do not contain themselves. */
export function tenantListProblems({ tenantGroups = {}, rules }: PolicyDocument): string[] {
  const read = readGroups(tenantGroups);
  const known = new Map(Object.entries(tenantGroups));
  return [
    ...(read.ok ? [] : read.problems.map(({ group, problem }) => `tenantGroups.${group}: ${problem}`)),
    ...rules.flatMap((rule, index) =>
      listNames.flatMap((name) =>
        unknownGroups(entriesOf(rule[name]), known).map((problem) => `rules[${index}].${name}: ${problem}`),
      ),
    ),
  ];
}

/** Warns about groups that nothing names, and about domains in `except`. */
export function tenantListWarnings(document: PolicyDocument): string[] {
  const { tenantGroups = {}, rules } = document;
  const lists = [...rules.flatMap((rule) => listNames.map((name) => rule[name] ?? [])), ...Object.values(tenantGroups)];
  const used = new Set(lists.flat());
  const compile = createSetCompiler(groupsOf(document));
  return [
    ...Object.keys(tenantGroups)
      .filter((name) => !used.has(`group:${name}`))
      .map((name) => `No rule uses the group "${name}"; runs and jobs may.`),
    ...rules.flatMap(({ name, except }) => {
      const { domainLists } = compile(entriesOf(except));
      const [[first] = []] = domainLists;
      if (first === undefined) return [];
      const isOne = domainLists.length === 1 && domainLists[0]?.length === 1;
      return [
        `The rule "${name}" excepts ${isOne ? `the domain ${first}` : `domains such as ${first}`}. A customer can remove a domain from its tenant; name the tenant id instead.`,
      ];
    }),
  ];
}

/** The lists of tenants of a rule, compiled and as they are written. */
interface RuleTenants {
  readonly tenants: TenantChoice;
  readonly reads: TenantChoice | undefined;
  readonly written: WrittenTenants;
}

/** Returns what compiles the lists of the rules of one policy. */
export function createRuleTenants(groups: TenantGroups): (rule: RuleDocument) => RuleTenants {
  const compile = createSetCompiler(groups);
  return (rule) => {
    const written = {
      tenants: entriesOf(rule.tenants),
      except: entriesOf(rule.except),
      reads: entriesOf(rule.reads),
    };
    const except = compile(written.except);
    return {
      tenants: choiceOf(compile(written.tenants), except),
      reads: rule.reads && choiceOf(compile(written.reads), except),
      written,
    };
  };
}
