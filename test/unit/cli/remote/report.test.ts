import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { demoReport } from '../../../../src/cli/remote/report.ts';
import { errorTable } from '../../../../src/lib/core/errors.ts';
import { onTerminal } from '../commands/command-stage.ts';

it('cuts no cause in the results of three jobs on a narrow terminal', async () => {
  const codes = ['interaction_required', 'tenant_not_delegated', 'access_denied'] as const;
  const runs = codes.map((code) => ({
    run: { job: `${code}-report`, failures: [] },
    tenants: [{ tenantId: 't', name: 'Contoso', defaultDomain: 'contoso.example', outcome: 'failed', code }],
  }));
  const summary = { tokens: { issued: 0, fromCache: 0 }, upstream: {} };
  const report = await onTerminal(80, async () => demoReport(summary as never, runs as never, []));
  const words = new Set(stripVTControlCharacters(report).split(/\s+/));
  for (const code of codes) for (const word of errorTable[code].title.split(' ')) expect(words).toContain(word);
});
