import { BrokerError } from '../../core/errors.ts';
import { entryRule, parseEntry, type TenantEntry } from './entry.ts';
import { noGroups, type TenantGroups, unknownGroups } from './tenant-groups.ts';
import { choiceOf, createSetCompiler, type TenantChoice } from './tenant-set.ts';

/** Tenants as somebody asks for them: lists of tenant ids, domains, `group:NAME` and `tag:NAME`. */
export interface AskedTenants {
  /** `["*"]` and absent: all customers. */
  readonly tenants?: readonly string[] | undefined;
  /** Taken away from `tenants`. */
  readonly except?: readonly string[] | undefined;
}

const maxProblems = 5;

/** What is wrong with the entries themselves, one sentence each. Groups are not looked up. */
export function askedProblems({ tenants = [], except = [] }: AskedTenants): readonly string[] {
  const wrong = (list: string, entries: readonly string[]): string[] =>
    entries.flatMap((text) =>
      parseEntry(text) === undefined ? [`${list}: "${text.slice(0, 100)}" ${entryRule(text)}.`] : [],
    );
  return [
    ...wrong('tenants', tenants),
    ...wrong('except', except),
    ...(tenants.includes('*') && tenants.length > 1 ? ['tenants: "*" means all and must be the only entry.'] : []),
    ...(except.includes('*') ? ['except: "*" takes every tenant away; name the tenants, groups or tags.'] : []),
  ];
}

/**
 * Compiles what is asked for.
 * @param groups of the policy.
 * @param visible the groups that the asking caller may know about; the others do not exist for it.
 * @throws BrokerError request_invalid for entries that are none, and for unknown groups.
 */
export function choiceAsked(
  asked: AskedTenants,
  groups: TenantGroups = noGroups,
  visible: ReadonlyMap<string, unknown> = groups,
): TenantChoice {
  const tenants = entriesOf(asked.tenants ?? ['*']);
  const except = entriesOf(asked.except ?? []);
  const problems = [
    ...askedProblems(asked),
    ...unknownGroups(tenants, visible).map((problem) => `tenants: ${problem}`),
    ...unknownGroups(except, visible).map((problem) => `except: ${problem}`),
  ];
  if (problems.length > 0) throw new BrokerError('request_invalid', problems.slice(0, maxProblems).join(' '));
  const compile = createSetCompiler(groups);
  return choiceOf(compile(tenants), compile(except));
}

const entriesOf = (texts: readonly string[]): readonly TenantEntry[] => texts.flatMap((text) => parseEntry(text) ?? []);
