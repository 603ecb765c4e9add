import { adminAgentsName } from '../../lib/consent/directory-state.ts';
import type { SetupOptions, SetupStep } from './plan.ts';

/** Describes a step for the plan that an operator reads. */
export function describeStep(step: SetupStep, options: SetupOptions): string {
  switch (step.kind) {
    case 'create_application':
      return `Create the multi-tenant application "${options.displayName}" with the permissions of the profile ${options.profile.name}`;
    case 'update_application':
      return `Change the application: ${step.differences.join(', ')}`;
    case 'create_principal':
      return 'Create its service principal in the partner tenant';
    case 'create_resource_principal':
      return `Create the service principal of ${step.resource.name} in the partner tenant`;
    case 'grant_scopes':
      return `Consent for all users: ${step.resource.name}: ${step.scopes.join(' ')}`;
    case 'withdraw_scopes':
      return 'Withdraw a consent that the profile does not include';
    case 'grant_role':
      return `Consent for the application: ${step.resource.name}: ${step.value}`;
    case 'withdraw_role':
      return 'Withdraw an application permission that the profile does not include';
    case 'own_itself':
      return 'Make the application its own owner, so that it can renew its client credential';
    case 'join_admin_agents':
      return `Add the service principal to the group ${adminAgentsName}, for customers that still have DAP instead of GDAP`;
    case 'add_secret':
      return 'Create a client secret and store it in Key Vault';
    case 'add_certificate':
      return 'Create a certificate, store it in Key Vault and register it with the application';
    case 'trust_managed_identity':
      return `Trust the managed identity ${step.trust.subject} instead of a secret`;
    case 'store_federated':
      return 'Use the managed identity as the client credential, once Entra accepts it';
  }
}
