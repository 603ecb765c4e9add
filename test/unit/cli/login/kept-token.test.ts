import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keptToken, personSignInDeps } from '../../../../src/cli/login/kept-token.ts';
import { createSignInFiles, type KeptSignIn } from '../../../../src/cli/login/sign-in-files.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
const renewed = `e30.${Buffer.from(JSON.stringify({ tid: tenantId, scp: 'access_as_user' })).toString('base64url')}.x`;
const expired: KeptSignIn = {
  url: 'https://broker.example',
  entraEndpoint: 'https://login.microsoftonline.com',
  tenantId,
  clientId: '33333333-3333-4333-8333-333333333333',
  scope: 'api://broker/access_as_user',
  account: 'operator@partner.test',
  accessToken: 'expired',
  expiresAtMs: 0,
  refreshToken: 'refresh',
};

let folder: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-kept-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const renew = (files: Parameters<typeof keptToken>[0]) =>
  keptToken(files, expired, {
    ...personSignInDeps,
    fetch: async () =>
      Response.json({ token_type: 'Bearer', access_token: renewed, refresh_token: 'next', expires_in: 3600 }),
    warn: (text) => warnings.push(text),
  });

it('keeps the renewed token', async () => {
  const files = createSignInFiles(folder);
  expect(await renew(files)).toBe(renewed);
  expect([(await files.find(expired.url))?.refreshToken, warnings]).toEqual(['next', []]);
});

it('returns the renewed token with a warning if it cannot be kept', async () => {
  const files = createSignInFiles(folder);
  const full = { ...files, save: () => Promise.reject(new Error('ENOSPC: no space left on device, write')) };
  expect(await renew(full)).toBe(renewed);
  expect(warnings).toEqual([expect.stringMatching(/^The renewed sign-in .* cannot be kept, .* ENOSPC/)]);
});

it('does without a renewal while Entra does not answer, as long as the token is valid', async () => {
  const files = createSignInFiles(folder);
  const clock = new FakeClock();
  const silent = { ...personSignInDeps, clock, fetch: () => Promise.reject(new TypeError('fetch failed')) };
  const kept = (lifeMs: number): Promise<string> =>
    keptToken(
      files,
      { ...expired, accessToken: 'kept', expiresAtMs: clock.nowMs() + lifeMs },
      { ...silent, warn: (text) => warnings.push(text) },
    );
  expect(await kept(1)).toBe('kept');
  await expect(kept(0)).rejects.toMatchObject({ code: 'entra_unavailable' });
  expect(warnings).toEqual([]);
});

it('leaves no draft with a token behind if it cannot be kept', async () => {
  const files = createSignInFiles(folder);
  await files.save(expired);
  const [name = ''] = await readdir(join(folder, 'sign-ins'));
  // A folder that is not empty cannot be replaced by a file.
  await rm(join(folder, 'sign-ins', name));
  await mkdir(join(folder, 'sign-ins', name));
  await writeFile(join(folder, 'sign-ins', name, 'x'), '');
  await expect(files.save(expired)).rejects.toThrow();
  expect(await readdir(join(folder, 'sign-ins'))).toEqual([name]);
});
