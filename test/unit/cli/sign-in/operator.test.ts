import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { operatorToken } from '../../../../src/cli/sign-in/operator.ts';
import { clouds } from '../../../../src/lib/core/resources.ts';
import { tenant } from '../../../support/audit-entries.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-az-'));
});
afterEach(() => rm(folder, { recursive: true }));

const partnerTenantId = tenant(9);

/** Asks for a token with an Azure CLI that is this shell script. */
async function withAz(script: string): Promise<string> {
  await writeFile(join(folder, 'az'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', [folder, process.env['PATH']].join(delimiter));
  const toolbox = { target: { partnerTenantId, cloud: clouds.public } } as unknown as Parameters<
    typeof operatorToken
  >[0];
  return (await operatorToken(toolbox, { azLogin: true }, ['User.Read'])).reveal();
}

it('takes the token of Microsoft Graph from the Azure CLI with --az-login, for the partner tenant', async () => {
  const answer = JSON.stringify({ accessToken: 'token of the CLI', expires_on: 4_000_000_000 });
  expect(await withAz(`echo "$@" > '${folder}/asked'; echo '${answer}'`)).toBe('token of the CLI');
  const asked = await readFile(join(folder, 'asked'), 'utf8');
  expect(asked).toContain(`--tenant ${partnerTenantId}`);
  expect(asked).toMatch(/--resource https:\/\/graph\.microsoft\.com\s/);
});

it('says what to do if the Azure CLI has no sign-in', async () => {
  await expect(withAz('echo "Please run az login" >&2; exit 1')).rejects.toMatchObject({
    code: 'sign_in_refused',
    message: expect.stringContaining(`Run \`az login --tenant ${partnerTenantId}\`.`) as string,
  });
});
