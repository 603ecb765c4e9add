import { describe, expect, it } from 'vitest';
import { permissionLines } from '../../../tools/permission-ids.ts';

describe('permissionLines', () => {
  const idOf = (digit: number): string => `${digit}`.repeat(8) + '-0000-4000-8000-000000000000';
  const deployment = (digit: number, scheme: string, more: object = {}) => ({
    id: idOf(digit),
    scheme,
    environment: 'PPE;public',
    isHidden: false,
    isEnabled: true,
    ...more,
  });
  const listed = (schemes: object, authorizationType: 'oAuth2' | 'RSC' = 'oAuth2') => ({ authorizationType, schemes });

  it('lists each permission with its ids, and marks what users may consent to', () => {
    const permissions = {
      'B.Read': listed({ DelegatedWork: { requiresAdminConsent: false } }),
      'A.Read.All': listed({
        DelegatedWork: { requiresAdminConsent: true },
        Application: { requiresAdminConsent: true },
      }),
      'Team.Read.Group': listed({ Application: { requiresAdminConsent: true } }, 'RSC'),
      'NoId.Read': listed({ DelegatedWork: { requiresAdminConsent: true } }),
    };
    const permissionDeployments = {
      'A.Read.All': [
        deployment(1, 'DelegatedWork', { environment: 'FairFax' }),
        deployment(2, 'DelegatedWork', { isHidden: true }),
        deployment(3, 'Application'),
      ],
      'B.Read': [deployment(4, 'DelegatedWork', { environment: '' }), deployment(5, 'Application', { isHidden: true })],
      'Team.Read.Group': [deployment(6, 'Application')],
      'NoId.Read': [deployment(7, 'DelegatedWork', { id: '' })],
      'Visible.Read': [deployment(8, 'DelegatedWork')],
      'Hidden.Read': [deployment(9, 'DelegatedWork', { isHidden: true })],
    };
    expect(permissionLines({ permissions }, { permissionDeployments })).toEqual([
      `A.Read.All ${idOf(2)} ${idOf(3)}`,
      `B.Read ${idOf(4)}* -`,
      `Visible.Read ${idOf(8)} -`,
    ]);
  });
});
