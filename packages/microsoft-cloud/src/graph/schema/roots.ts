/**
 * The first segments of a path and their types: entity sets and singletons of version 1.0 and beta. The typings do not
 * contain them. Source: the service documents at `https://graph.microsoft.com/v1.0` and `/beta`.
 */
const entitySets = `
agreementAcceptances:agreementAcceptance agreements:agreement applications:application
applicationTemplates:applicationTemplate appRoleAssignments:appRoleAssignment
authenticationMethodConfigurations:authenticationMethodConfiguration
certificateBasedAuthConfiguration:certificateBasedAuthConfiguration chats:chat connections:externalConnectors.externalConnection
contacts:orgContact contracts:contract dataPolicyOperations:dataPolicyOperation devices:device
directoryObjects:directoryObject directoryRoles:directoryRole directoryRoleTemplates:directoryRoleTemplate
domainDnsRecords:domainDnsRecord domains:domain drives:drive filterOperators:filterOperatorSchema
functions:attributeMappingFunctionSchema groupLifecyclePolicies:groupLifecyclePolicy groups:group
groupSettings:groupSetting groupSettingTemplates:groupSettingTemplate identityProviders:identityProvider
invitations:invitation oauth2PermissionGrants:oAuth2PermissionGrant organization:organization
permissionGrants:resourceSpecificPermissionGrant places:place schemaExtensions:schemaExtension
scopedRoleMemberships:scopedRoleMembership servicePrincipals:servicePrincipal shares:sharedDriveItem sites:site
subscribedSkus:subscribedSku subscriptions:subscription teams:team teamsTemplates:teamsTemplate users:user
`;
const betaEntitySets = `
administrativeUnits:administrativeUnit directorySettingTemplates:directorySettingTemplate settings:directorySetting
riskyUsers:riskyUser riskDetections:riskDetection accessReviews:accessReview privilegedRoles:privilegedRole
messageEvents:messageEvent messageTraces:messageTrace
`;
const singletons = `
admin:admin appCatalogs:appCatalogs auditLogs:auditLogRoot authenticationMethodsPolicy:authenticationMethodsPolicy
communications:cloudCommunications compliance:compliance copilot:copilotRoot deviceAppManagement:deviceAppManagement
deviceManagement:deviceManagement directory:directory drive:drive education:educationRoot
employeeExperience:employeeExperience external:externalConnectors.external identity:identityContainer
identityGovernance:identityGovernance identityProtection:identityProtectionRoot
informationProtection:informationProtection planner:planner policies:policyRoot print:print privacy:privacy
reports:reportRoot roleManagement:roleManagement search:searchEntity security:security solutions:solutionsRoot
storage:storage teamwork:teamwork tenantRelationships:tenantRelationship
`;

export interface Root {
  readonly name: string;
  readonly typeName: string;
  readonly isList: boolean;
  readonly isBeta: boolean;
}

const rootsOf = (text: string, isList: boolean, isBeta: boolean): readonly Root[] =>
  text
    .split(/\s+/)
    .filter(Boolean)
    .map((entry) => {
      const [name = '', typeName = ''] = entry.split(':');
      return { name, typeName, isList, isBeta };
    });

/** First segment in lower case → what it is. */
export const roots: ReadonlyMap<string, Root> = new Map(
  [
    ...rootsOf(entitySets, true, false),
    ...rootsOf(betaEntitySets, true, true),
    ...rootsOf(singletons, false, false),
  ].map((root) => [root.name.toLowerCase(), root]),
);
