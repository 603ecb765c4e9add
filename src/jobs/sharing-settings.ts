import { objectOf, textOf, textsIn } from '../lib/core/objects.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

/** Reports how open SharePoint and OneDrive are. Default links and their expiry are not in this API. */
export default defineJob({
  name: 'sharing-settings',
  title: 'Sharing',
  description:
    'Whether SharePoint and OneDrive share with anybody, with which domains, and whether they accept legacy protocols. A tenant without SharePoint is skipped.',
  topic: 'security',
  resources: ['graph'],
  permissions: ['SharePointTenantSettings.Read.All'],
  directoryRoles: ['Global Reader', 'SharePoint Administrator'],
  timeoutSeconds: 120,
  columns: [
    { name: 'setting', title: 'Setting', type: 'text' },
    { name: 'value', title: 'Value', type: 'text' },
    { name: 'open', title: 'Open', type: 'text' },
  ],
  key: ['setting'],
  historyBy: 'open',
  async run({ graph }) {
    const found = await graph.get('/admin/sharepoint/settings');
    // The example of "Get sharepointSettings" has the settings inside `value`.
    const settings = objectOf(found, 'value') ?? found;
    const capability = textOf(settings, 'sharingCapability');
    const mode = textOf(settings, 'sharingDomainRestrictionMode');
    const list = { allowList: 'sharingAllowedDomainList', blockList: 'sharingBlockedDomainList' }[mode ?? ''];
    const flag = (name: string): boolean | undefined =>
      typeof settings[name] === 'boolean' ? settings[name] : undefined;
    const reshares = flag('isResharingByExternalUsersEnabled');
    const legacy = flag('isLegacyAuthProtocolsEnabled');
    /** @param open ignored for a value that is not known. */
    const row = (setting: string, value: string | boolean | undefined, open: boolean | undefined): Row => ({
      setting,
      value: value === undefined ? null : String(value),
      open: value === undefined || open === undefined ? null : open ? 'yes' : 'no',
    });
    // Without sharing, what would limit it opens nothing.
    const isOff = capability === 'disabled';
    return [
      // Links that work without signing in.
      row('sharing', capability, capability === 'externalUserAndGuestSharing'),
      row(
        'domains',
        mode && [mode, ...textsIn(settings[list ?? '']).toSorted()].join(' '),
        !isOff && mode !== 'allowList',
      ),
      row('resharing by guests', reshares, !isOff && reshares),
      row('legacy protocols', legacy, legacy),
    ];
  },
});
