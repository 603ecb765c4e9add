import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import parameters from '../../../../infra/main.parameters.json' with { type: 'json' };
import { newProject } from '../../../../src/cli/project/new-project.ts';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import { policyWarnings } from '../../../../src/lib/access/policy/policy-warnings.ts';
import { projectRoot } from '../../../paths.ts';
import { listFiles } from '../../../../src/lib/health/release.ts';

describe('ptb init', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'init-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  it('writes what it lists, also into a new repository', async () => {
    await mkdir(join(folder, '.git'));
    const files = await newProject(folder);
    expect(await listFiles(folder)).toEqual([...files].toSorted());
  });

  it('refuses a folder with a file, and writes nothing', async () => {
    await writeFile(join(folder, 'notes.txt'), '');
    await expect(newProject(folder)).rejects.toThrow(/is not empty\. Name a new or an empty folder/);
    expect(await listFiles(folder)).toEqual(['notes.txt']);
  });

  it('refuses a file in place of a folder', async () => {
    await writeFile(join(folder, 'taken'), '');
    await expect(newProject(join(folder, 'taken'))).rejects.toThrow(/cannot be used as a folder \(ENOTDIR\)/);
  });

  it.each([
    ['Contoso Broker', 'contoso-broker'],
    ['Bröker', 'br-ker'],
    ['...', 'broker'],
    ['Partner-Token-Broker', 'partner-token-broker-jobs'],
  ])('calls the package of the folder %s %s', async (name, expected) => {
    await newProject(join(folder, 'in', name === '...' ? '(' : name));
    const manifest = await readFile(join(folder, 'in', name === '...' ? '(' : name, 'package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ name: expected });
  });

  it('gives each parameter that azd fills the same variable and default', async () => {
    await newProject(folder);
    const written = await text('infra/main.bicepparam');
    for (const [name, { value }] of Object.entries(parameters.parameters)) {
      const line = new RegExp(`^param ${name} = (.*)$`, 'm').exec(written)?.[1] ?? '';
      const texts = [...line.matchAll(/'([^']*)'/g)].map(([, each]) => each);
      expect([name, texts.filter((each) => each !== '')]).toEqual([name, value.match(/[\w-]+/g)]);
      expect(line.startsWith('bool(')).toBe(/=(?:true|false)\}$/.test(value));
    }
  });

  it('writes a policy that is valid, and a workflow and an azure.yaml that are YAML', async () => {
    await newProject(folder);
    const parsed = parsePolicy(await text('access-policy.json'));
    expect(parsed.ok && policyWarnings(parsed)).toEqual([]);
    expect(parse(await text('azure.yaml'))).toMatchObject({
      hooks: { preprovision: { posix: { run: 'node node_modules/partner-token-broker/azd/preprovision.js' } } },
      services: { broker: { dist: 'out/app.zip', hooks: { prepackage: { windows: { run: 'npm run package' } } } } },
    });
    expect(parse(await text('.github/workflows/deploy.yml'))).toMatchObject({
      jobs: {
        test: {
          steps: expect.arrayContaining([
            { run: 'npm run package', env: { DURABLE_BACKEND: '${{ vars.DURABLE_BACKEND }}' } },
          ]),
        },
        deploy: { needs: 'test', permissions: { 'id-token': 'write' }, concurrency: { group: 'production' } },
      },
    });
  });

  it('uses the actions that the workflows of a release use', async () => {
    await newProject(folder);
    const pinned = (written: string): string[] => written.match(/actions\/.*/g) ?? [];
    const own = pinned(await readFile(join(projectRoot, '.github/workflows/release.yml'), 'utf8'));
    const written = pinned(await text('.github/workflows/deploy.yml'));
    expect(written.length).toBeGreaterThan(3);
    expect(written.filter((action) => !own.includes(action))).toEqual([]);
  });
});
