import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

/**
 * Names of the events that the app logs: the second argument of `log(level, event, …)` and of `attempt(log, event, …)`. Without
 * those of jobs, which their authors choose.
 */
function loggedEvents(): string[] {
  const files = globSync('src/**/*.ts', { cwd: projectRoot, exclude: ['src/cli/**', 'src/jobs/**'] });
  const call = /(?:\.log\(\s*[^()]*?|\battempt\([\w.]+),\s*'([a-z_]+(?:\.[a-z_]+)+)'/g;
  return [
    ...new Set(files.flatMap((file) => [...read(file).matchAll(call)].map(([, event]) => event ?? ''))),
  ].toSorted();
}

const operations = read('docs/operations.md');
/** The names before the colon of each item in docs/log.md. */
const listedEvents = [...read('docs/log.md').matchAll(/^- (`[^:]+`): /gm)].flatMap(([, names = '']) =>
  [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
);

describe('the log events', () => {
  it('are exactly the events in docs/log.md', () => {
    expect(loggedEvents().length).toBeGreaterThan(20);
    expect(listedEvents.toSorted()).toEqual(loggedEvents());
  });

  it('include every event that an alert rule names', () => {
    const alerts = read('infra/app/alerts.bicep');
    const exact = [...alerts.matchAll(/event == "([^"]+)"/g)].map(([, event]) => event);
    const prefixes = [...alerts.matchAll(/event startswith "([^"]+)"/g)].map(([, prefix]) => prefix ?? '');
    expect(exact.filter((event) => !loggedEvents().includes(event ?? ''))).toEqual([]);
    expect(prefixes.filter((prefix) => !loggedEvents().some((event) => event.startsWith(prefix)))).toEqual([]);
  });
});

describe('the alert rules', () => {
  const listedAlerts = [...operations.matchAll(/^- `([a-z-]+)` \((\d)\): (.*)$/gm)].map(
    ([, name = '', severity, text = '']) => ({ name, severity: Number(severity), text }),
  );

  it('are exactly the alerts in docs/operations.md', () => {
    const rule = /^ {4}name: '([a-z-]+)'$[^}]*?^ {4}severity: (\d)$/gm;
    const rules = [...read('infra/app/alerts.bicep').matchAll(rule)].map(([, name, severity]) => `${name} ${severity}`);
    expect(rules.length).toBeGreaterThan(12);
    expect(listedAlerts.map(({ name, severity }) => `${name} ${severity}`)).toEqual(rules);
  });

  it('cost what docs/costs.md counts', () => {
    const frequencies = [...read('infra/app/alerts.bicep').matchAll(/^ {4}frequency: '(\w+)'$/gm)].map(
      ([, text]) => text,
    );
    const others = frequencies.filter((text) => text !== 'PT5M').length;
    const [, counted, sum] =
      /^- Alert rules: (\d+) at \$0\.50 .* and one at \$1\.50 .* \*\*([\d.]+),/m.exec(read('docs/costs.md')) ?? [];
    expect(frequencies.length - others).toBe(1);
    expect([Number(counted), Number(sum)]).toEqual([others, others * 0.5 + 1.5]);
  });

  it('link to a remedy if their severity is 0 or 1', () => {
    const urgent = listedAlerts.filter(({ severity }) => severity < 2);
    expect(urgent.length).toBeGreaterThan(5);
    expect(urgent.filter(({ text }) => !/\(#[a-z-]+\)|`ptb |`GET /.test(text))).toEqual([]);
  });
});
