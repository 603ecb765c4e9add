import type { ExecTenant } from '../../../../src/cli/exec/tenant.ts';

export const exampleExecTenant: ExecTenant = {
  tenantId: '11111111-2222-4333-8444-555555555555',
  name: 'Contoso & Sons "Ltd" $&',
  defaultDomain: 'contoso.com',
};
