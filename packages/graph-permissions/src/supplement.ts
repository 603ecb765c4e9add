import type { MapEntry } from './build-map.ts';
import { tableEntries } from './table.ts';

/**
 * Requests that the Microsoft Graph documentation describes and Microsoft's published permission file lacks, reviewed one by
 * one. They are added to every map. The title of the page is above each line.
 *
 * The body of a `$ref` request must name an object that the rule may read (`judge-body.ts`), so a new member also needs a
 * permission for its type.
 */
const table = `
# Add members
POST /groups/{id}/members/$ref: GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All
# List deviceLocalCredentialInfo, Get deviceLocalCredentialInfo
GET /directory/deviceLocalCredentials: DeviceLocalCredential.ReadBasic.All DeviceLocalCredential.Read.All
GET /directory/deviceLocalCredentials/{id}: DeviceLocalCredential.ReadBasic.All DeviceLocalCredential.Read.All
# List subscriptions (companySubscription)
GET /directory/subscriptions: Organization.Read.All Directory.Read.All Directory.ReadWrite.All
# List deletedItems (directory objects)
GET /directory/deletedItems/microsoft.graph.administrativeUnit: AdministrativeUnit.Read.All
GET /directory/deletedItems/microsoft.graph.application: Application.Read.All
GET /directory/deletedItems/microsoft.graph.group: Group.Read.All
GET /directory/deletedItems/microsoft.graph.servicePrincipal: Application.Read.All
GET /directory/deletedItems/microsoft.graph.user: User.Read.All
# Restore conditionalAccessPolicy, Restore namedLocation: the pages name roles and no permission; those of "Delete" are chosen
POST /identity/conditionalAccess/deletedItems/policies/{id}/restore: Policy.Read.All Policy.ReadWrite.ConditionalAccess
POST /identity/conditionalAccess/deletedItems/namedLocations/{id}/restore: Policy.Read.All Policy.ReadWrite.ConditionalAccess
# List managedDevices
GET /users/{id}/managedDevices: DeviceManagementManagedDevices.Read.All DeviceManagementManagedDevices.ReadWrite.All
# Get authenticationMethodsPolicy
GET /policies/authenticationMethodsPolicy/authenticationMethodConfigurations: Policy.Read.All Policy.ReadWrite.AuthenticationMethod
# List children of a driveItem
GET /drives/{id}/root/children: Files.Read.All Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
`;

export const supplement = (): readonly MapEntry[] => tableEntries(table);
