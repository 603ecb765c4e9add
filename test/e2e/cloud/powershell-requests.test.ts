import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTrustedCloud, tenantWith } from 'microsoft-cloud/testing';
import { describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findPowerShell, runScript } from '../powershell/powershell.ts';

const shell = findPowerShell();

describe('requests of PowerShell scripts', skippedBecause(typeof shell === 'string' ? shell : undefined), () => {
  it('are answered as Microsoft answers them', async () => {
    if (typeof shell === 'string') return;
    const cloud = await startTrustedCloud();
    const folder = mkdtempSync(join(tmpdir(), 'partner-requests-'));
    try {
      const document = join(folder, 'document.json');
      writeFileSync(document, JSON.stringify(cloud.document));
      // OpenSSL's trusted certificates, which .NET uses on Linux.
      const environment = { SSL_CERT_FILE: cloud.document.caCertificatePath, NO_PROXY: '127.0.0.1,localhost' };
      const script = join(import.meta.dirname, 'partner-requests.ps1');
      const { code, output } = await runScript(shell, script, [document], environment);
      expect([code, output.split('\n').length]).toEqual([0, 2]);
      const customer = cloud.world.findCustomer(tenantWith(cloud, 'no_consent'));
      const users = customer?.userCount ?? 0;
      const [first] = cloud.document.tenants;
      expect(JSON.parse(output)).toEqual({
        withoutConsent: 65001,
        users,
        count: users,
        batch: ['nothing 404', 'policies 200'],
        hasMailboxes: true,
        filtered: expect.arrayContaining([first?.name]) as unknown,
      });
      expect(cloud.ledger.read().totals.unmatched).toBe(0);
    } finally {
      await cloud.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
