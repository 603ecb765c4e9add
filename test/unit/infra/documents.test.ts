import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callerRoles } from '../../../src/lib/callers/caller.ts';
import { settingsSchema } from '../../../src/lib/config/settings.ts';
import { projectRoot } from '../../paths.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const parameters = [...read('infra/main.bicep').matchAll(/^param (\w+) /gm)].map(([, name]) => name ?? '');
const outputs = [...read('infra/main.bicep').matchAll(/^output (\w+) /gm)].map(([, name]) => name ?? '');
const deploy = read('docs/deploy.md');

describe('docs/deploy.md', () => {
  it('names every parameter of the template', () => {
    expect(parameters.length).toBeGreaterThan(15);
    expect(parameters.filter((name) => !deploy.includes(`\`${name}\``))).toEqual([]);
  });

  it('names the variables that azd passes on', () => {
    const passed = [...read('infra/main.parameters.json').matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? '');
    const own = passed.filter((name) => !name.startsWith('AZURE_'));
    expect(own.filter((name) => !deploy.includes(`\`${name}\``))).toEqual([]);
  });

  it('promises outputs that are there', () => {
    const sentence = /The outputs carry the names of the settings,.*$/m.exec(deploy)?.[0] ?? '';
    const promised = [...sentence.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name ?? '');
    expect(promised.length).toBeGreaterThan(3);
    expect(promised.filter((name) => !outputs.includes(name))).toEqual([]);
  });
});

describe('infra/optional/entra-application.bicep', () => {
  it('has the app roles that the API asks for', () => {
    const roles = [...read('infra/optional/entra-application.bicep').matchAll(/\{ value: '([\w.]+)'/g)];
    expect(roles.map(([, role]) => role)).toEqual(callerRoles);
  });

  it('gives out the audiences under the name of their setting', () => {
    expect(read('infra/optional/entra-application.bicep')).toMatch(/^output BROKER_AUDIENCES string/m);
    expect(settingsSchema.shape).toHaveProperty('BROKER_AUDIENCES');
  });
});

describe('SECURITY.md', () => {
  it('names every route that is open to strangers', async () => {
    const { apiRoutes } = await import('../../../src/cli/verify/routes.ts');
    const open = apiRoutes
      .filter(({ access }) => access === 'anonymous')
      .map(({ path }) => path.replace(/verify.*/, ''));
    expect(open.filter((path) => !read('SECURITY.md').includes(`\`${path}`))).toEqual([]);
  });
});
