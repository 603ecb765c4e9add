import type { Demand } from './ledger.ts';

/** How much of a budget goes to the background while callers could use all of it, so that jobs end. */
const backgroundPart = 1 / 8;

interface Claim {
  readonly id: string;
  readonly want: number;
  /** Number of callers or runs behind it, at least 1 if it wants anything. */
  readonly weight: number;
}

/**
 * Divides a budget among members by what they want. Callers come before the background, which gets one eighth at least.
 * Within each, requesters are equal, wherever they are: nobody gets more than it wants while others want more, and a member
 * with three callers gets three times as much as one with one. What nobody wants is divided equally, for those who want more
 * before the next division. Pure.
 * @param whole The shares are whole numbers. Their sum is `total` in any case.
 */
export function fairShares(
  total: number,
  demands: Readonly<Record<string, Demand>>,
  whole: boolean,
): Readonly<Record<string, number>> {
  const members = Object.entries(demands).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const shares = new Map(members.map(([id]) => [id, 0]));
  const give = (available: number, claims: readonly Claim[]): void => {
    for (const [id, part] of waterFill(available, claims)) shares.set(id, (shares.get(id) ?? 0) + part);
  };
  const left = (): number => total - sum(shares.values());
  const background = members.map(([id, { background: want, runs: weight }]) => ({ id, want, weight }));
  const interactive = members.map(([id, { interactive: want, callers: weight }]) => ({ id, want, weight }));
  const kept = Math.min(total * backgroundPart, sum(background.map(({ want }) => want)));
  give(total - kept, interactive);
  give(left(), background);
  give(
    left(),
    members.map(([id]) => ({ id, want: total, weight: 1 })),
  );
  return Object.fromEntries(whole ? rounded(total, shares) : shares);
}

/** Raises all claims together, each by its weight, until they are met or nothing is left. */
function waterFill(available: number, claims: readonly Claim[]): Map<string, number> {
  const given = new Map<string, number>();
  let open = claims.filter(({ want }) => want > 0);
  let left = available;
  while (open.length > 0 && left > 0) {
    const level = left / sum(open.map(weightOf));
    const met = open.filter((claim) => claim.want <= level * weightOf(claim));
    // If none is met, all get what is left.
    for (const claim of met.length === 0 ? open : met) {
      const part = Math.min(claim.want, level * weightOf(claim));
      given.set(claim.id, part);
      left -= part;
    }
    open = met.length === 0 ? [] : open.filter((claim) => !met.includes(claim));
  }
  return given;
}

const weightOf = ({ weight }: Claim): number => Math.max(1, weight);

/** Whole numbers with the sum `total`, each less than 1 from its share: those that lose most are rounded up. */
function rounded(total: number, shares: ReadonlyMap<string, number>): Map<string, number> {
  const floors = new Map([...shares].map(([id, share]) => [id, Math.floor(share + 1e-9)]));
  const missing = Math.max(0, Math.round(total - sum(floors.values())));
  const losses = [...shares].map(([id, share]) => ({ id, loss: share - (floors.get(id) ?? 0) }));
  for (const { id } of losses.toSorted((a, b) => b.loss - a.loss).slice(0, missing)) {
    floors.set(id, (floors.get(id) ?? 0) + 1);
  }
  return floors;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
