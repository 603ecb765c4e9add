import { requestedProblems, type RequestedTenants } from '../access/tenants/selected-tenants.ts';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { type Notice, noticeKinds, severities, type Severity } from './notice.ts';
import { type TargetName, targetNames } from './target.ts';

/** One rule of NOTIFICATION_FILTER. An absent condition lets every notice through. */
interface FilterRule {
  /** Absent: a rule for every target. */
  readonly target?: TargetName;
  /** The least severity. */
  readonly severity?: Severity;
  /** Kinds, and beginnings of kinds with the dot. */
  readonly kinds?: readonly string[];
  /** Limits notices about a tenant to these. */
  readonly asked?: RequestedTenants;
}

/** Whether lists of tenants contain a tenant. @throws BrokerError if it cannot be found out now. */
export type IsSelected = (asked: RequestedTenants, tenantId: TenantId) => Promise<boolean>;

/** Decides whether a target gets a notice. @throws BrokerError if it cannot be decided now. */
export type Filter = (target: TargetName, notice: Notice) => Promise<boolean>;

const setting = 'NOTIFICATION_FILTER';

/**
 * Reads `[chat|webhook] [severity=LEAST] [kind=KIND,…] [tenants=ENTRY,…] [except=ENTRY,…]; …`. A target gets a notice if one
 * of its rules lets it through, or if it has no rule. A notice about no tenant passes `tenants` and `except`.
 * @throws BrokerError config_invalid. It names rule and word by number, because health is public.
 */
export function parseFilter(text: string | undefined, isSelected: IsSelected): Filter {
  const rules = (text ?? '').split(';').flatMap((part, index) => {
    const words = part.trim().split(/\s+/);
    return words[0] === '' ? [] : [readRule(words, index + 1)];
  });
  return async (target, notice) => {
    const own = rules.filter((rule) => rule.target === undefined || rule.target === target);
    if (own.length === 0) return true;
    for (const rule of own) if (await admits(rule, notice, isSelected)) return true;
    return false;
  };
}

async function admits(
  { severity, kinds, asked }: FilterRule,
  notice: Notice,
  isSelected: IsSelected,
): Promise<boolean> {
  if (severity !== undefined && severities.indexOf(notice.severity) < severities.indexOf(severity)) return false;
  if (kinds !== undefined && !kinds.some((kind) => notice.kind === kind || isBelow(notice.kind, kind))) return false;
  return asked === undefined || notice.tenantId === undefined || isSelected(asked, notice.tenantId);
}

/** `run.*` stands for all kinds that begin with `run.`. */
const isBelow = (kind: string, pattern: string): boolean =>
  pattern.endsWith('.*') && kind.startsWith(pattern.slice(0, -1));

function readRule(words: readonly string[], number: number): FilterRule {
  let rule: FilterRule = {};
  for (const [index, word] of words.entries()) {
    const wrong = (problem: string): never => {
      throw new BrokerError('config_invalid', `${setting}: rule ${number}, word ${index + 1} ${problem}.`);
    };
    const target = targetNames.find((name) => name === word);
    if (target !== undefined) {
      if (index > 0) wrong(`names a target, which belongs at the beginning of a rule`);
      rule = { ...rule, target };
    } else rule = { ...rule, ...readCondition(rule, word, wrong) };
  }
  return rule;
}

function readCondition(rule: FilterRule, word: string, wrong: (problem: string) => never): FilterRule {
  const at = word.indexOf('=');
  const [name, value] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
  const list = value.split(',').filter((item) => item !== '');
  if (name === 'severity') {
    if (rule.severity !== undefined) wrong('repeats severity');
    const severity = severities.find((each) => each === value) ?? wrong(`is not severity=${severities.join('|')}`);
    return { severity };
  }
  if (name === 'kind') {
    if (rule.kinds !== undefined) wrong('repeats kind');
    const isKnown = (kind: string): boolean => noticeKinds.some((each) => each === kind || isBelow(each, kind));
    if (list.length === 0 || !list.every(isKnown)) wrong(`is not kind= and kinds such as ${noticeKinds[0]} or run.*`);
    return { kinds: list };
  }
  if (name === 'tenants' || name === 'except') {
    if (rule.asked?.[name] !== undefined) wrong(`repeats ${name}`);
    if (list.length === 0 || requestedProblems({ [name]: list }).length > 0)
      wrong(`is not ${name}= and tenant ids, domains, group:NAME and tag:NAME`);
    return { asked: { ...rule.asked, [name]: list } };
  }
  return wrong('is none of chat, webhook, severity=, kind=, tenants= and except=');
}
