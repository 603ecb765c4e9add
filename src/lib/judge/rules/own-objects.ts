import type { PermissionRule } from '../question.ts';

/** Data of the organization that a permission for the own account opens as documented ("Get organization"). */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'User.Read': ['organization'],
};

/**
 * Permissions that cover the data of the signed-in account, by name: `.Shared` covers what others share with it, and
 * `ForUser`, `ForChat`, `ForTeam` what it can reach.
 */
const reachOfAccount = /\.Shared$|For(?:User|Chat|Team)$/;

/** Honours a permission for own objects only where the path shows that the object is the account's own. */
export function ownObjects(listedAsOwn: boolean): PermissionRule {
  return (permission, { grant, location, own, searchedTypes }) => {
    const limited = grant.scheme === 'delegated' && (listedAsOwn || reachOfAccount.test(permission));
    if (!limited || own) return undefined;
    const [root = '', ...rest] = location.template;
    if (rest.length === 0 && exceptions[permission]?.includes(root) === true) return undefined;
    // A search with a delegated permission looks only where the account may look; `search-types.ts` checks its types.
    if (searchedTypes !== undefined) return undefined;
    return 'covers only the signed-in account, and the path or the rule does not';
  };
}
