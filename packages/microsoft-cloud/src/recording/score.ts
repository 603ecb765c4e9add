import { type Comparison, endpointOf } from './compare.ts';
import { type Aspect, aspects } from './differences.ts';
import { usualRequests } from './usual-requests.ts';

interface Score {
  /** `GET /users/{id}/memberOf`. */
  readonly list: string;
  /** Answers that were compared: examples of the documentation, and answers of a real tenant. */
  readonly documented: number;
  readonly recorded: number;
  readonly checks: number;
  /** Checks that the simulation passes. */
  readonly reproduced: number;
  /** Aspects in which it fails some. */
  readonly failing: readonly { readonly aspect: Aspect; readonly checks: number; readonly reproduced: number }[];
}

/** How much of the shape of answers the simulation reproduces, for each list, in the order of their paths. */
export function scoresOf(comparisons: readonly Comparison[]): readonly Score[] {
  const compared = comparisons.filter(({ checks }) => checks.length > 0);
  return [...Map.groupBy(compared, ({ pair }) => endpointOf(pair))]
    .map(([list, group]) => scoreOf(list, group))
    .toSorted((left, right) => (left.list < right.list ? -1 : 1));
}

function scoreOf(list: string, group: readonly Comparison[]): Score {
  const checks = group.flatMap((each) => each.checks);
  const count = (of: typeof checks) => ({
    checks: of.length,
    reproduced: of.filter(({ difference }) => difference === undefined).length,
  });
  const recorded = group.filter(({ pair }) => pair.title === undefined).length;
  return {
    list,
    documented: group.length - recorded,
    recorded,
    ...count(checks),
    failing: aspects
      .map((aspect) => ({ aspect, ...count(checks.filter((each) => each.aspect === aspect)) }))
      .filter((each) => each.reproduced < each.checks),
  };
}

/** `14/15: names 3/4`. */
export const scoreText = ({ reproduced, checks, failing }: Score): string =>
  [`${reproduced}/${checks}`, failing.map((each) => `${each.aspect} ${each.reproduced}/${each.checks}`).join(', ')]
    .filter(Boolean)
    .join(': ');

/** The section of docs/fidelity.md. */
export function scoreSection(comparisons: readonly Comparison[]): string {
  const scores = scoresOf(comparisons);
  const recorded = scores.reduce((sum, each) => sum + each.recorded, 0);
  const skipped = comparisons.length - scores.reduce((sum, each) => sum + each.recorded + each.documented, 0);
  const source =
    recorded === 0
      ? "No answer of a real tenant has been recorded yet. The scores are against examples in Microsoft's documentation only: untested."
      : `${recorded} answers are of real tenants, the others are examples in Microsoft's documentation.`;
  const covered = new Set(scores.map(({ list }) => list));
  const usual = usualRequests.map(({ request }) =>
    endpointOf({ request: { method: 'GET', path: `/v1.0${request.replaceAll(/\{\w+\}/g, 'text-1')}` } }),
  );
  const uncovered = usual.filter((list) => !covered.has(list)).length;
  const more = [
    `${uncovered} of the ${usual.length} [usual requests](../requests.md) have no answer to compare with.`,
    ...(skipped === 0 ? [] : [`${skipped} answers could not be compared.`]),
  ];
  return `${source} ${more.join(' ')}
An answer is compared in ${aspects.join(', ')}; values do not count, nor what an example leaves out. [How to record](recording.md).

| list | documented | recorded | reproduced |
|---|--:|--:|---|
${scores.map((score) => `| \`${score.list}\` | ${score.documented} | ${score.recorded} | ${scoreText(score)} |`).join('\n')}
`;
}
