import * as z from 'zod';
import { update } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';
import { BrokerError } from '../lib/core/errors.ts';

const path = '/admin/sharepoint/settings';
/** From the strictest to the most open ("sharepointSettings resource type"). */
const levels = [
  'disabled',
  'existingExternalUserSharingOnly',
  'externalUserSharingOnly',
  'externalUserAndGuestSharing',
] as const;
const settings = z.object({ sharingCapability: z.string() });

export default defineChange({
  name: 'sharepoint-sharing-level',
  title: 'SharePoint shares no further than allowed',
  description:
    'Lowers with whom SharePoint shares to the level of the parameter, and leaves what is stricter. OneDrive moves along: it cannot be more open than SharePoint, Microsoft Graph does not show its own level, and taking the change back does not restore it. "disabled" cuts off guests who have access now. It may take a day or two to work everywhere.',
  topic: 'security',
  permissions: ['SharePointTenantSettings.ReadWrite.All'],
  directoryRoles: ['SharePoint Administrator'],
  parameters: z.object({
    level: z.enum(levels).default('externalUserSharingOnly').meta({
      title: 'Most open level',
      description:
        'disabled: nobody outside. existingExternalUserSharingOnly: guests of the directory. externalUserSharingOnly: guests who sign in. externalUserAndGuestSharing: everybody with a link.',
    }),
  }),
  async plan({ graph, parameters: { level } }) {
    const found = settings.safeParse(await graph.get(path));
    const current = levels.findIndex((each) => each === found.data?.sharingCapability);
    // An unknown level may be stricter.
    if (current < 0) throw new BrokerError('job_failed', 'Microsoft Graph does not show with whom SharePoint shares.');
    return current <= levels.indexOf(level) ? [] : [update(path, { sharingCapability: level })];
  },
});
