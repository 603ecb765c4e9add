import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startTrustedCloud } from 'microsoft-cloud/testing';
import { describe, expect, it } from 'vitest';
import { findGraphClient } from '../../../tools/get-graph-client.ts';
import { skippedBecause } from '../../support/skipped.ts';

const program = await findGraphClient();
const missing = '.local/tools/graph-client is not built. Run .ci/install-tools';

describe(
  'Microsoft.Graph for .NET with Azure.Identity',
  skippedBecause(program === undefined ? missing : undefined),
  () => {
    it('reads pages of users, an error of Graph and a batch', async () => {
      const cloud = await startTrustedCloud({ tenants: 1, plain: true });
      try {
        const { application, caCertificatePath, entra, graph, partnerTenantId } = cloud.document;
        const { stdout } = await promisify(execFile)(
          'dotnet',
          [program ?? '', entra, graph, partnerTenantId, application.clientId],
          {
            env: {
              ...process.env,
              CLIENT_SECRET: application.clientSecret,
              // OpenSSL's trusted certificates, which .NET uses on Linux.
              SSL_CERT_FILE: caCertificatePath,
              NO_PROXY: '127.0.0.1,localhost',
            },
          },
        );
        const found = JSON.parse(stdout) as { names: string[]; failure: string; organization: string };
        expect(found.names.toSorted()).toEqual(cloud.document.accounts.map(({ username }) => username).toSorted());
        expect(found.failure).toBe('404 Request_ResourceNotFound');
        expect(found.organization).toBe(partnerTenantId);
        expect(cloud.ledger.read().totals.unmatched).toBe(0);
      } finally {
        await cloud.stop();
      }
    });
  },
);
