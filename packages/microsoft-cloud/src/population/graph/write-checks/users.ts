import type { Change, TenantView } from '../../../graph/declaration.ts';
import { badRequest } from '../../../graph/graph-error.ts';
import { checkLengths, invalid, isNickname } from './texts.ts';

/** Longest values, in characters. Source: "user resource type". */
const lengths = {
  city: 128,
  companyName: 64,
  country: 128,
  department: 64,
  displayName: 256,
  employeeId: 16,
  givenName: 64,
  jobTitle: 128,
  mailNickname: 64,
  mobilePhone: 64,
  officeLocation: 128,
  postalCode: 40,
  state: 128,
  streetAddress: 1024,
  surname: 64,
  userPrincipalName: 113,
};

/** Source: "user resource type". */
const userTypes = new Set(['Member', 'Guest']);

/** Refuses a user that Graph refuses. @throws GraphError 400 */
export function checkUser(tenant: TenantView, { values, row, before }: Change): void {
  checkLengths(values, lengths, 'User');
  const { userPrincipalName, mailNickname, usageLocation, userType, passwordProfile } = values;
  if (userPrincipalName !== undefined) checkName(tenant, userPrincipalName);
  if (mailNickname !== undefined && !isNickname(mailNickname)) throw invalid('mailNickname', 'User');
  if (typeof usageLocation === 'string' && !/^[A-Za-z]{2}$/.test(usageLocation)) throw invalid('usageLocation', 'User');
  if (typeof userType === 'string' && !userTypes.has(userType)) throw invalid('userType', 'User');
  if ((passwordProfile ?? undefined) === undefined && before !== undefined) return;
  const { password } = (passwordProfile ?? {}) as { readonly password?: unknown };
  if (before !== undefined && password === undefined) return;
  if (before === undefined && (password ?? '') === '')
    throw badRequest('A password must be specified to create a new user.');
  const isWeakAllowed = String(row['passwordPolicies']).includes('DisableStrongPassword');
  if (!isPassword(password, isWeakAllowed))
    throw badRequest(
      'The specified password does not comply with password complexity requirements. Please provide a different password.',
    );
}

/** A name of letters, digits and `' . - _ ! # ^ ~` at a verified domain of the tenant ("Create user"). */
function checkName(tenant: TenantView, value: unknown): void {
  const [local = '', domain, ...more] = String(value).split('@');
  if (domain === undefined || more.length > 0 || !/^[\w'.!#^~-]+$/.test(local))
    throw invalid('userPrincipalName', 'User');
  const known = tenant.rows('domains').find(({ id }) => String(id).toLowerCase() === domain.toLowerCase());
  if (known?.['isVerified'] !== true)
    throw badRequest(
      'The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.',
    );
}

const categories = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d]/];

/** 8 to 256 characters of three categories ("Password policies in Microsoft Entra ID"). */
const isPassword = (value: unknown, isWeakAllowed: boolean): boolean =>
  typeof value === 'string' &&
  value.length >= 8 &&
  value.length <= 256 &&
  (isWeakAllowed || categories.filter((category) => category.test(value)).length >= 3);
