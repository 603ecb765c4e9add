import type { Rule } from '../../lib/access/policy/policy.ts';
import type { Stage } from '../../lib/access/policy/decide.ts';
import type { Explanation, ReadingExplanation } from '../../lib/access/policy/explain.ts';

/** `conditional`: with an approval of other people, or in an emergency. */
export type TestResult = 'allowed' | 'conditional' | 'denied';

/** The result of the test, its JSON document and its text. */
type TestOutcome = readonly [TestResult, unknown, string];

/** What a rule with a condition makes of a request that it allows. */
export const resultOf = (
  allowed: boolean,
  { approval, breakGlass = false }: Partial<Pick<Rule, 'approval' | 'breakGlass'>>,
): TestResult => {
  if (!allowed) return 'denied';
  return approval === undefined && !breakGlass ? 'allowed' : 'conditional';
};

/** What the rules make of a token. */
export const tokenOutcome = (explanation: Explanation, notes: readonly string[]): TestOutcome => [
  resultOf(explanation.decision.allow, explanation.decision.allow ? explanation.decision : {}),
  testReport(explanation, notes),
  testText(explanation, notes),
];

/** What the rules make of reading. */
export const readingOutcome = (explanation: ReadingExplanation, notes: readonly string[]): TestOutcome => [
  explanation.readable ? 'allowed' : 'denied',
  { ...explanation, notes },
  readingText(explanation, notes),
];

/** The beginning of the sentence about a rule that decides: whether it allows the request at once. */
export function headOf(rule: string, { approval, breakGlass = false }: Partial<Pick<Rule, 'approval' | 'breakGlass'>>) {
  if (breakGlass) return `Only in an emergency, with a reason, by "${rule}"`;
  if (approval === undefined) return `Allowed by "${rule}"`;
  return `Needs ${approval.count} ${approval.count === 1 ? 'approval' : 'approvals'} by "${rule}"`;
}

function testReport({ decision, rules }: Explanation, notes: readonly string[]): unknown {
  const { allow, ...rest } = decision;
  return { allowed: allow, ...rest, rules, notes };
}

function testText({ decision, rules }: Explanation, notes: readonly string[]): string {
  const limit = (scopes: readonly string[], excess: 'refuse' | 'record'): string =>
    ` The token may carry ${scopes.join(', ')}; one that carries more is ${excess === 'refuse' ? 'refused' : 'issued and recorded'}.`;
  const headline = decision.allow
    ? `${headOf(decision.rule, decision)}, redeemed by the application ${decision.application}.` +
      (decision.scopes === undefined ? '' : limit(decision.scopes, decision.excessScopes))
    : `Denied. ${decision.reason}`;
  return explanationText(headline, rules, notes);
}

function readingText({ readable, limited, rules }: ReadingExplanation, notes: readonly string[]): string {
  const limit = limited ? 'Rules with "reads" limit this caller.' : 'No rule limits what this caller reads.';
  return explanationText(`${readable ? 'Readable' : 'Not readable'}. ${limit}`, rules, notes);
}

type Finding = Explanation['rules'][number] | ReadingExplanation['rules'][number];

/** Of a rule that another one comes before, although it stands later (`conditionRank`). */
export const notNeeded = 'allows on a condition; another rule comes before it';

const verdicts: Readonly<Record<Exclude<Finding['outcome'], 'lacks'>, string>> = {
  allows: 'allows',
  'not reached': 'not reached',
  'not needed': notNeeded,
  'no tokens': 'allows no tokens',
  reads: 'reads this tenant',
  'other tenants': 'reads other tenants',
  'no reads': 'does not limit reading',
};

/** Why a rule does not match. */
export const mismatch = (missing: Stage | undefined): string =>
  missing === 'agent' ? 'is not open to this agent' : `does not match the ${missing}`;

function explanationText(headline: string, findings: readonly Finding[], notes: readonly string[]): string {
  const lines = findings.map(({ rule, outcome, missing, because }, index) => {
    const verdict = outcome === 'lacks' ? mismatch(missing) : verdicts[outcome];
    return `  ${index + 1}. ${rule}: ${verdict}${because === undefined ? '' : ` (${because})`}`;
  });
  return [headline, ...lines, ...notes.map((note) => `  Note: ${note}`)].join('\n');
}
