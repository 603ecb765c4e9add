import { expect, test } from 'vitest';
import { createStorage } from '../../../../src/lib/config/storage.ts';
import { clouds } from '../../../../src/lib/core/resources.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const identity = async () => ({ getToken: () => Promise.resolve(null) });

test.each([
  ['public', 'core.windows.net'],
  ['china', 'core.chinacloudapi.cn'],
] as const)('derives the addresses in the cloud %s from the account name', async (name, suffix) => {
  const settings = { cloud: clouds[name], AzureWebJobsStorage__accountName: 'store' };
  const storage = createStorage(settings, identity, new FakeClock());
  expect((await storage.table('Audit')).url).toBe(`https://store.table.${suffix}`);
  expect((await storage.container('runs')).url).toBe(`https://store.blob.${suffix}/runs`);
});

test.each(['https://x.example', 'https://x.example/', 'https://x.example///', 'https://x.example/a/b//'])(
  'removes every slash at the end of the address %s, and no other',
  async (address) => {
    const settings = { cloud: clouds.public, AzureWebJobsStorage__blobServiceUri: address };
    const { url } = await createStorage(settings, identity, new FakeClock()).container('runs');
    expect(url).toBe(`https://x.example${address.includes('/a/b') ? '/a/b' : ''}/runs`);
  },
);
