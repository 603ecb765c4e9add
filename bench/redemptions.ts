import { type Callers, demandOfDay } from './demand.ts';
import { type Bench, type BenchResult, type Figure, figure, type Goal, round } from './measure.ts';
import { type Day, type Renewal, simulateDay } from './simulated-day.ts';

const instanceCounts = [1, 4, 16];
const mixes = [
  { name: '1,000 tenants', tenants: 1_000, callers: { scriptRequests: 10, sessions: 1 } },
  { name: '5,000 tenants', tenants: 5_000, callers: { scriptRequests: 10, sessions: 1 } },
  { name: '1,000 busy tenants', tenants: 1_000, callers: { scriptRequests: 10, sessions: 10 } },
] as const satisfies readonly { readonly name: string; readonly tenants: number; readonly callers: Callers }[];
/** The mixes for which other ways to renew are tried, on the most instances. */
const compared = ['1,000 tenants', '1,000 busy tenants'];
const most = 16;
/** The default of the setting ENTRA_CONCURRENCY, and the time of a redemption in seconds. */
const entra = { places: 32, seconds: 0.2 };

interface Case {
  readonly mix: (typeof mixes)[number]['name'];
  readonly instances: number;
  readonly renewal: Renewal;
  readonly day: Day;
}

/** Redemptions of a day on several instances, each with its own cache. Counted in simulated time: other load changes nothing. */
export const redemptions: Bench = {
  name: 'redemptions',
  run: async () => {
    const cases: Case[] = [];
    for (const { name: mix, tenants, callers } of mixes) {
      const demand = demandOfDay(tenants, callers);
      for (const instances of instanceCounts) {
        const renewals: readonly Renewal[] =
          instances === most && compared.includes(mix) ? ['built', 'owner', 'never'] : ['built'];
        for (const renewal of renewals) {
          cases.push({ mix, instances, renewal, day: await simulateDay(demand, instances, renewal) });
        }
      }
    }
    return resultOf(cases);
  },
};

const hours = 24;
const names: Readonly<Record<Renewal, string>> = {
  built: '',
  owner: ', if one instance renews each token early',
  never: ', if none renews early',
};
const caseName = ({ mix, instances, renewal }: Omit<Case, 'day'>): string =>
  `${mix}, ${instances} ${instances === 1 ? 'instance' : 'instances'}${names[renewal]}`;
/** The chart and the goals tell about the others. */
const isListed = ({ instances, renewal }: Case): boolean => renewal === 'built' && instances !== 4;
const nameOf = (one: Omit<Case, 'day'>, what: string): string => `${caseName(one)}: ${what}`;

function figuresOf(one: Case): readonly Figure[] {
  const { day, renewal } = one;
  const of = (what: string, unit: string, value: number): Figure => figure(nameOf(one, what), unit, [value]);
  const perHour = of('redemptions', 'per hour', Math.round(day.redemptions / hours));
  const waited = of('requests that waited for one', '%', (day.waited / day.requests) * 100);
  if (renewal !== 'built') return [perHour, waited];
  return [
    perHour,
    of('in the busiest hour', 'redemptions', day.redemptionsInBusiestHour),
    of('renewed early', '% of redemptions', (day.earlyRenewals / day.redemptions) * 100),
    of('renewed early and not used', '% of redemptions', (day.unusedRenewals / day.redemptions) * 100),
    waited,
  ];
}

function resultOf(cases: readonly Case[]): BenchResult {
  return {
    title: 'Redemptions by number of instances',
    setting:
      '24 simulated hours. Per tenant: four jobs in the night, ten token requests, and one session of 15 requests through the gateway (ten sessions if busy), mostly in working hours. Each request meets a random instance.',
    figures: cases.flatMap(figuresOf),
    cases: cases.filter(isListed).map(caseName),
    unlisted: ['renewed early', 'requests that waited', ...cases.filter((one) => !isListed(one)).map(caseName)],
    goals: goalsOf(cases),
    charts: [
      {
        file: 'redemptions',
        kind: 'lines',
        title: 'Redemptions per hour by number of instances (logarithmic)',
        logarithmic: true,
        series: mixes.map(({ name: mix }) => ({
          label: mix,
          points: instanceCounts.map((instances) => ({
            x: instances,
            figure: nameOf({ mix, instances, renewal: 'built' }, 'redemptions'),
          })),
        })),
      },
    ],
  };
}

function goalsOf(cases: readonly Case[]): Goal[] {
  const dayOf = (mix: string, renewal: Renewal): Day | undefined =>
    cases.find((one) => one.mix === mix && one.instances === most && one.renewal === renewal)?.day;
  const worst = (value: (mix: string) => number): number => Math.max(...compared.map(value));
  const perRedemption = (mix: string, count: (day: Day) => number): number => {
    const day = dayOf(mix, 'built');
    return day === undefined ? Number.NaN : count(day) / day.redemptions;
  };
  const unused = worst((mix) => perRedemption(mix, (day) => day.unusedRenewals));
  const added = worst((mix) => perRedemption(mix, (day) => day.redemptions - (dayOf(mix, 'never')?.redemptions ?? 0)));
  const busiest = dayOf('5,000 tenants', 'built')?.redemptionsInBusiestHour ?? Number.NaN;
  const places = (busiest * entra.seconds) / 3_600;
  return [
    {
      goal: `${most} instances: at most 2 % unused early renewals`,
      reached: unused <= 0.02,
      value: `${round(unused * 100)} %`,
    },
    {
      goal: `${most} instances: early renewals add at most 2 %`,
      reached: added <= 0.02,
      value: `${round(added * 100)} %`,
    },
    {
      goal: `${most} instances: at most a tenth of the ${entra.places} places towards Entra in the busiest hour`,
      reached: places <= entra.places / 10,
      value: `${round(places)} places`,
    },
  ];
}
