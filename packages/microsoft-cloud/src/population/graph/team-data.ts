import type { Row } from '../../graph/declaration.ts';
import { hexOf, randomOf, type TenantFacts, time } from './facts.ts';
import { type GroupData, groupDataOf, isPublicTeam } from './group-data.ts';
import { profileById } from './user-profiles.ts';

/** A group that is a team. Team and group have the same id. */
export const teamsOf = (facts: TenantFacts): readonly GroupData[] =>
  groupDataOf(facts).filter(({ kind }) => kind === 'team');

const threadId = (facts: TenantFacts, group: GroupData, channel: string): string =>
  `19:${hexOf(facts, 32, 'channel', group.id, channel)}@thread.tacv2`;

export function teamRow(facts: TenantFacts, group: GroupData): Row {
  const general = threadId(facts, group, 'General');
  return {
    id: group.id,
    classification: null,
    createdDateTime: time(group.createdMs),
    description: group.description,
    displayName: group.displayName,
    funSettings: {
      allowCustomMemes: true,
      allowGiphy: true,
      allowStickersAndMemes: true,
      giphyContentRating: 'moderate',
    },
    guestSettings: { allowCreateUpdateChannels: false, allowDeleteChannels: false },
    internalId: general,
    isArchived: randomOf(facts, 'archived', group.id)() < 0.05,
    memberSettings: {
      allowAddRemoveApps: true,
      allowCreatePrivateChannels: true,
      allowCreateUpdateChannels: true,
      allowCreateUpdateRemoveConnectors: true,
      allowCreateUpdateRemoveTabs: true,
      allowDeleteChannels: true,
    },
    messagingSettings: {
      allowChannelMentions: true,
      allowOwnerDeleteMessages: true,
      allowTeamMentions: true,
      allowUserDeleteMessages: true,
      allowUserEditMessages: true,
    },
    specialization: 'none',
    tenantId: facts.tenantId,
    visibility: isPublicTeam(facts, group) ? 'public' : 'private',
    webUrl: `https://teams.microsoft.com/l/team/${encodeURIComponent(general)}/conversations?groupId=${group.id}&tenantId=${facts.tenantId}`,
  };
}

/** Every team has the channel General, and some have others. */
export const channelRows = (facts: TenantFacts, group: GroupData): readonly Row[] =>
  ['General', ...(randomOf(facts, 'channels', group.id)() < 0.5 ? ['Planning'] : [])].map((displayName) => {
    const id = threadId(facts, group, displayName);
    return {
      id,
      createdDateTime: time(group.createdMs),
      description: displayName === 'General' ? group.description : null,
      displayName,
      email: '',
      isArchived: false,
      isFavoriteByDefault: null,
      membershipType: 'standard',
      tenantId: facts.tenantId,
      webUrl: `https://teams.microsoft.com/l/channel/${encodeURIComponent(id)}/${displayName}?groupId=${group.id}&tenantId=${facts.tenantId}`,
    };
  });

/** The members of a team: those of its group, with the role of owners. */
export const teamMemberRows = (facts: TenantFacts, group: GroupData): readonly Row[] =>
  [...new Set([...group.ownerIds, ...group.memberIds])].flatMap((id) => {
    const user = profileById(facts).get(id)?.user;
    if (user === undefined) return [];
    return [
      {
        '@odata.type': '#microsoft.graph.aadUserConversationMember',
        id: Buffer.from(`${facts.tenantId}##${group.id}##${id}`).toString('base64'),
        displayName: user.displayName,
        email: user.userPrincipalName,
        roles: group.ownerIds.includes(id) ? ['owner'] : user.userType === 'Guest' ? ['guest'] : [],
        tenantId: facts.tenantId,
        userId: id,
        visibleHistoryStartDateTime: '0001-01-01T00:00:00Z',
      },
    ];
  });
