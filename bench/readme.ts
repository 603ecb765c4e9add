import { type Results, shown } from './measure.ts';

const start = '<!-- figures of npm run bench -->';
const end = '<!-- end of figures -->';

/** The rows of the README: benchmark, figure of the broker, figure of the published scripts. */
const lines = [
  {
    what: 'Cached token, 3,000 tenants in the cache; on the right: the cache of msal-node',
    bench: 'cached-token',
    ours: 'broker.getToken, 3000 tenants',
    theirs: 'MSAL acquireTokenSilent, 3000 tenants',
  },
  {
    what: 'Tokens for three resources in 1,000 tenants, empty cache',
    bench: 'cold-storm',
    ours: 'broker, all requests at once',
    theirs: 'sequential script',
  },
  {
    what: 'One report over 5,000 tenants',
    bench: 'fan-out',
    ours: 'whole run, 5000 tenants',
    theirs: 'sequential script, 5000 tenants',
  },
  {
    what: 'Requests to Entra for three jobs over 1,000 tenants in an hour',
    bench: 'upstream-requests',
    ours: 'broker, token requests to Entra',
    theirs: 'scripts, token requests to Entra',
  },
] as const;

/**
 * The README with the latest figures.
 * @throws Error if the results lack a figure, or the README lacks the two markers.
 */
export function withFigures(readme: string, results: Results['results']): string {
  const [before, after] = [readme.indexOf(start), readme.indexOf(end)];
  if (before === -1 || after < before) throw new Error(`the README has no ${start} … ${end}`);
  const cell = (bench: string, name: string): string => {
    const found = results[bench]?.figures.find((figure) => figure.name === name);
    if (found === undefined) throw new Error(`${bench} has no figure "${name}"`);
    return `${shown(found.median)} ${found.unit}`;
  };
  const hostOf = (bench: string): string => {
    const engine = results[bench]?.engine;
    return engine === undefined ? '' : `; broker on the ${engine}`;
  };
  const rows = lines.map(
    ({ what, bench, ours, theirs }) => `| ${what}${hostOf(bench)} | ${cell(bench, ours)} | ${cell(bench, theirs)} |`,
  );
  const table = ['| | broker | published scripts |', '|---|--:|--:|', ...rows].join('\n');
  return `${readme.slice(0, before)}${start}\n\n${table}\n\n${readme.slice(after)}`;
}
