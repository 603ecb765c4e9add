import { writeFile } from 'node:fs/promises';
import type { RuleDocument } from '../../lib/access/policy/policy-document.ts';
import { Suggester } from '../../lib/gateway/replay/suggest.ts';
import {
  type RulePart,
  ruleParts,
  type RuleUse,
  UnusedFinder,
  type UseReport,
} from '../../lib/gateway/replay/unused.ts';
import { differenceLines } from '../plans/difference.ts';
import { counted } from '../counted.ts';
import { type Line, styled } from '../line.ts';
import { print, say } from '../sign-in/output.ts';
import { readPolicyFile, type UseEvidence, type UseFlags, withRecordedUse } from './recorded-use.ts';
import { evidenceLines } from './replay-policy.ts';

export interface SuggestFlags extends UseFlags {
  readonly caller?: string;
  readonly output?: string;
}

/** `ptb policy suggest`: writes a policy whose rules allow what was used, and says what became of each rule. */
export async function suggestPolicy(file: string, flags: SuggestFlags, signal: AbortSignal): Promise<void> {
  const inForce = await readPolicyFile(file);
  const { document } = inForce;
  await withRecordedUse(flags, signal, async (use) => {
    const suggester = new Suggester(use.judge(inForce.policy));
    for await (const entry of use.entries())
      if (flags.caller === undefined || entry?.caller.applicationId === flags.caller) suggester.add(entry);
    const suggestion = suggester.suggest(document, use.tenants);
    const became = suggestion.rules.map(({ from, to }) => ({ from, to: withOthers(flags.caller, from, to) }));
    const rules = became.flatMap(({ to }) => to);
    const text = `${JSON.stringify({ ...suggestion.document, rules }, undefined, 2)}\n`;
    if (flags.output === undefined) process.stdout.write(text);
    else await writeFile(flags.output, text, { flag: 'wx' });
    for (const line of [
      ...evidenceLines(use.evidence),
      `${counted(document.rules.length, 'rule')} became ${counted(rules.length, 'rule')}.`,
      ...became.flatMap(becameLines),
      ...suggestion.unused
        .filter((unused) => !rules.some(({ name }) => name === unused))
        .map((name) => `Nobody used "${name}" in the period; it is left out.`),
      ...(suggestion.leftOut === 0
        ? []
        : [
            `${counted(suggestion.leftOut, 'record')} would be refused or cannot be judged now; no rule is suggested for them.`,
          ]),
      'Check it: `ptb policy replay` with this file says what it would refuse.',
    ])
      say(line);
  });
}

interface Became {
  readonly from: RuleDocument;
  readonly to: readonly RuleDocument[];
}

/** What a rule becomes if `to` is for one caller alone: the rest of it stays for the others. */
function withOthers(caller: string | undefined, from: RuleDocument, to: Became['to']): Became['to'] {
  const { applications } = from.callers;
  const others = applications.filter((each) => each.toLowerCase() !== caller);
  if (caller === undefined || others.length === 0 || to.includes(from)) return to;
  if (others.length === applications.length) return [...to.filter(({ reads }) => reads === undefined), from];
  return [...to, { ...from, callers: { ...from.callers, applications: others } }];
}

/** How the rules that one rule became differ from it. */
function becameLines({ from, to }: Became): Line[] {
  const told = (rule: RuleDocument): string => JSON.stringify({ ...rule, name: undefined, description: undefined });
  return to.flatMap((rule) => {
    if (rule === from)
      return to.length === 1 ? [] : [`"${from.name}" is for every application, and so still for this one.`];
    const target = `${from.name} -> ${rule.name}`;
    return differenceLines({ action: 'update', target, before: told(from), after: told(rule), undo: 'yes' }, []);
  });
}

/** `ptb policy unused`: what nobody needed of the policy in force. */
export async function unusedRules(file: string, flags: UseFlags, signal: AbortSignal): Promise<void> {
  const inForce = await readPolicyFile(file);
  await withRecordedUse(flags, signal, async (use) => {
    const { jobs } = await import('../../jobs/index.ts');
    const declared = new Map(jobs.map(({ name, permissions = [] }) => [name, permissions]));
    const finder = new UnusedFinder(use.judge(inForce.policy), (job) => declared.get(job) ?? []);
    for await (const entry of use.entries()) finder.add(entry);
    const report = finder.report();
    const policy = { file, sha256: inForce.sha256 };
    print(flags.json, { policy, ...use.evidence, ...report }, [
      ...evidenceLines(use.evidence),
      ...useLines(report, use.evidence.period),
    ]);
  });
}

const partNames: Readonly<Partial<Record<RulePart, string>>> = { changes: 'change jobs' };

function useLines({ rules, roles, permissions }: UseReport, { from, firstRecordAt }: UseEvidence['period']): Line[] {
  return [
    ...rules.flatMap((rule) => ruleLines(rule, firstRecordAt ?? from)),
    ...roles.map((each) => `Caller ${each.caller} holds roles that it did not need: ${each.roles.join(', ')}`),
    ...permissions
      .filter(({ unused }) => unused.length > 0)
      .map(
        ({ application, unused, tokens }) =>
          `Application ${application}: no record needed the permissions ${unused.join(', ')}.${
            tokens === 0 ? '' : ` ${counted(tokens, 'token')} that named no scopes may have: their use is invisible.`
          }`,
      ),
  ];
}

/** @param since Nothing earlier is known. */
function ruleLines({ rule, records, lastAt, unused }: RuleUse, since: string): Line[] {
  if (lastAt === undefined) return [[styled('warn', 'not used'), ` since ${since}: ${rule}`]];
  return [
    `${rule}: ${counted(records, 'record')}, last ${lastAt}`,
    ...ruleParts.flatMap((part) => {
      const names = unused[part];
      return names === undefined ? [] : [`  unused ${partNames[part] ?? part}: ${names.join(', ')}`];
    }),
  ];
}
