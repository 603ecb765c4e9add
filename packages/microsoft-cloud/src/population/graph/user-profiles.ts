import { dayMs } from '../../clock.ts';
import type { User } from '../../directory/records.ts';
import { between, pick, type Random } from '../../seeded.ts';
import { hourMs, isHybrid, perTenant, randomOf, type TenantFacts } from './facts.ts';
import { hasPlan } from './licensing.ts';

/** Departments with the titles of their members, the head's title first. */
export const departments = [
  { name: 'Management', titles: ['Managing Director', 'Office Manager', 'Executive Assistant'] },
  { name: 'Sales', titles: ['Head of Sales', 'Account Manager', 'Sales Representative'] },
  { name: 'Finance', titles: ['Head of Finance', 'Accountant', 'Payroll Clerk'] },
  { name: 'Operations', titles: ['Head of Operations', 'Operations Coordinator', 'Scheduler'] },
  { name: 'IT', titles: ['IT Manager', 'IT Technician', 'Systems Analyst'] },
  { name: 'Human Resources', titles: ['HR Manager', 'HR Advisor', 'Recruiter'] },
  { name: 'Marketing', titles: ['Head of Marketing', 'Designer', 'Content Editor'] },
] as const;

const offices = [
  { office: 'Head Office', city: 'London', state: 'England', street: '1 Example Street', postalCode: 'EX1 1AA' },
  { office: 'North Office', city: 'Leeds', state: 'England', street: '20 Sample Road', postalCode: 'EX2 2BB' },
  { office: 'West Office', city: 'Cardiff', state: 'Wales', street: '7 Model Lane', postalCode: 'EX3 3CC' },
] as const;

/** What a user has beside the account: position, telephone, synchronization. */
export interface Profile {
  readonly index: number;
  readonly user: User;
  readonly department: string | null;
  readonly jobTitle: string | null;
  /** Index of the manager among the tenant's users. */
  readonly managerIndex: number | undefined;
  readonly place: (typeof offices)[number] | undefined;
  readonly mobilePhone: string | null;
  readonly businessPhone: string | null;
  readonly employeeId: string | null;
  readonly isSynced: boolean;
  readonly lastPasswordChangeMs: number;
  readonly passwordNeverExpires: boolean;
  /** Whether a guest has accepted the invitation. */
  readonly hasAccepted: boolean;
  /** A member without a licence whose mailbox is shared. */
  readonly isSharedMailbox: boolean;
}

/** Telephone numbers that Ofcom reserves for fiction. */
const telephone = (random: Random, start: string): string =>
  `${start}${String(between(random, 0, 999)).padStart(3, '0')}`;

/** The profiles of a tenant's users, in the order of the users. The first user heads the tenant, others have a manager. */
export const profilesOf = perTenant((facts): readonly Profile[] => {
  const hybrid = isHybrid(facts);
  const heads = new Map<number, number>();
  return facts.users.map((user, index) => {
    const random = randomOf(facts, 'profile', index);
    // The first draws are the same for every kind of user, so that one property does not change the others.
    const departmentIndex = index === 0 ? 0 : between(random, 0, departments.length - 1);
    const [hasMobile, hasPhone, synced, shared] = [random() < 0.6, random() < 0.7, random() < 0.85, random() < 0.5];
    const isGuest = user.userType === 'Guest';
    const isSharedMailbox =
      facts.hasExchange && !isGuest && !facts.isPartner && index > 0 && user.licences.length === 0 && shared;
    const isStaff = !isGuest && !isSharedMailbox;
    const head = heads.get(departmentIndex);
    if (isStaff && head === undefined) heads.set(departmentIndex, index);
    const lastChangeMs = facts.startMs - between(random, 1, 700) * dayMs - between(random, 0, 23) * hourMs;
    return {
      index,
      user,
      department: isStaff ? (departments[departmentIndex]?.name ?? null) : null,
      jobTitle: isStaff ? titleOf(departmentIndex, head === undefined, random) : null,
      managerIndex: isStaff && index > 0 ? (head ?? 0) : undefined,
      place: isStaff ? pick(random, offices) : undefined,
      mobilePhone: isStaff && hasMobile ? telephone(random, '+44 7700 900') : null,
      businessPhone: isStaff && hasPhone ? telephone(random, '+44 1632 960') : null,
      employeeId: isStaff ? String(1000 + index) : null,
      isSynced: hybrid && isStaff && index > 0 && synced,
      lastPasswordChangeMs: Math.max(user.createdMs, lastChangeMs),
      passwordNeverExpires: random() < 0.3,
      hasAccepted: user.lastSignInMs !== undefined || random() < 0.5,
      isSharedMailbox,
    };
  });
});

function titleOf(departmentIndex: number, isHead: boolean, random: Random): string | null {
  const titles: readonly string[] = departments[departmentIndex]?.titles ?? [];
  return (isHead ? titles[0] : pick(random, titles.slice(1))) ?? null;
}

/** Whether a user has a mailbox: a licence with Exchange Online, or a shared mailbox. */
export const hasMailbox = (facts: TenantFacts, { user, isSharedMailbox }: Profile): boolean =>
  facts.hasExchange && (isSharedMailbox || hasPlan(user, 'EXCHANGE'));

/** The address of a guest outside the tenant, which the user principal name contains. */
export const externalAddressOf = ({ userPrincipalName }: User): string =>
  userPrincipalName.split('#EXT#')[0]?.replace(/_([^_]*)$/, '@$1') ?? userPrincipalName;

/** The profile of a user of the tenant, by object id. */
export const profileById = perTenant(
  (facts): ReadonlyMap<string, Profile> => new Map(profilesOf(facts).map((profile) => [profile.user.id, profile])),
);
