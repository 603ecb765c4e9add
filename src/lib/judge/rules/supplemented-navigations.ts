const principals = [
  ['users', '{}'],
  ['groups', '{}'],
  ['serviceprincipals', '{}'],
] as const;
const roleDefinition = [['rolemanagement', 'directory', 'roledefinitions', '{}']] as const;
const contained: readonly (readonly string[])[] = [];

const roleNavigations = { principal: principals, roledefinition: roleDefinition };

/**
 * Navigations that the permission map lacks, by collection and name: the templates that the rule must be able to read, none
 * for an object that is part of its entity. Reviewed one by one against the documentation of the entity.
 */
const navigations: Readonly<Record<string, Readonly<Record<string, readonly (readonly string[])[]>>>> = {
  'rolemanagement/directory/roleassignments': roleNavigations,
  'rolemanagement/directory/roleassignmentschedules': roleNavigations,
  'rolemanagement/directory/roleassignmentscheduleinstances': roleNavigations,
  'rolemanagement/directory/roleeligibilityschedules': roleNavigations,
  'rolemanagement/directory/roleeligibilityscheduleinstances': roleNavigations,
  'policies/rolemanagementpolicyassignments': {
    policy: [['policies', 'rolemanagementpolicies', '{}']],
    'policy/rules': [
      ['policies', 'rolemanagementpolicies', '{}'],
      ['policies', 'rolemanagementpolicies', '{}', 'rules'],
    ],
  },
  'sites/{}/lists/{}/items': { fields: contained },
};

/** The templates that an expanded navigation reads, or undefined for one that is not listed. */
export function supplementedNavigation(
  template: readonly string[],
  names: readonly string[],
): readonly (readonly string[])[] | undefined {
  const collection = (template.at(-1) === '{}' ? template.slice(0, -1) : template).join('/');
  const listed = Object.hasOwn(navigations, collection) ? navigations[collection] : undefined;
  const name = names.join('/').toLowerCase();
  return listed !== undefined && Object.hasOwn(listed, name) ? listed[name] : undefined;
}
