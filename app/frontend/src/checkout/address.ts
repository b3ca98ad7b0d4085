// Where the order goes, checked as order-service checks it.

import type { Address } from '../api/types';

export interface AddressFields {
  name: string;
  line1: string;
  line2: string;
  city: string;
  postal_code: string;
  region: string;
  country: string;
}

export const addressFields = ['name', 'line1', 'line2', 'city', 'postal_code', 'region', 'country'] as const satisfies (keyof AddressFields)[];

// ISO 3166-1 alpha-2.
const codes = (
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV '
  + 'CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM '
  + 'IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW '
  + 'MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS '
  + 'ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW'
).split(' ');

const names = new Intl.DisplayNames(undefined, { type: 'region' });
export const countryName = (code: string) => {
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
};

export const countries = codes
  .map((code) => ({ code, name: countryName(code) }))
  .sort((a, b) => a.name.localeCompare(b.name));

// What the browser's language says about where its user may be.
export function likelyCountry(languages: readonly string[] = navigator.languages ?? []): string {
  for (const language of languages) {
    try {
      const { region } = new Intl.Locale(language);
      if (region && codes.includes(region)) return region;
    } catch {
      // Not a language tag: the next one.
    }
  }
  return '';
}

interface Custom {
  postal?: string;
  example?: string;
  pattern?: RegExp;
  region?: string;
}

// Only where everybody who lives there agrees.
const customs: Record<string, Custom> = {
  US: { postal: 'ZIP code', region: 'State', pattern: /^\d{5}(-?\d{4})?$/, example: '94103' },
  CA: { region: 'Province', pattern: /^[a-z]\d[a-z] ?\d[a-z]\d$/i, example: 'K1A 0B1' },
  GB: { postal: 'Postcode', region: 'County', pattern: /^[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}$/i, example: 'SW1A 1AA' },
  AU: { postal: 'Postcode', region: 'State or territory', pattern: /^\d{4}$/, example: '2000' },
  DE: { pattern: /^\d{5}$/, example: '10115' },
  FR: { pattern: /^\d{5}$/, example: '75002' },
  IT: { region: 'Province', pattern: /^\d{5}$/, example: '00184' },
  ES: { region: 'Province', pattern: /^\d{5}$/, example: '28013' },
  PT: { pattern: /^\d{4}-?\d{3}$/, example: '1100-038' },
  NL: { postal: 'Postcode', pattern: /^\d{4} ?[a-z]{2}$/i, example: '1012 AB' },
  AT: { pattern: /^\d{4}$/, example: '1010' },
  CH: { region: 'Canton', pattern: /^\d{4}$/, example: '8001' },
  BR: { region: 'State', pattern: /^\d{5}-?\d{3}$/, example: '01310-100' },
  IN: { postal: 'PIN code', region: 'State', pattern: /^\d{3} ?\d{3}$/, example: '110001' },
  JP: { region: 'Prefecture', pattern: /^\d{3}-?\d{4}$/, example: '100-0001' },
};

export const customOf = (country: string): Custom => customs[country] ?? {};
export const postalLabel = (country: string) => customOf(country).postal ?? 'Postal code';
export const regionLabel = (country: string) => customOf(country).region ?? 'State, region';

const length = (text: string) => [...text].length;

export function checkAddress(address: AddressFields): Partial<Record<keyof AddressFields, string>> {
  const errors: Partial<Record<keyof AddressFields, string>> = {};
  const limits = { name: 200, line1: 200, line2: 200, city: 100, postal_code: 20, region: 100 } as const;
  for (const [field, limit] of Object.entries(limits) as [keyof typeof limits, number][]) {
    if (length(address[field].trim()) > limit) errors[field] = `No more than ${limit} characters.`;
  }
  const needed = {
    name: 'Enter the name of who receives it.',
    line1: 'Enter street and number.',
    city: 'Enter the city or town.',
    postal_code: `Enter the ${postalLabel(address.country)}. If there is none, write 0.`,
    country: 'Choose a country.',
  } as const;
  for (const [field, text] of Object.entries(needed) as [keyof typeof needed, string][]) {
    if (address[field].trim() === '') errors[field] = text;
  }
  const { pattern, example } = customOf(address.country);
  if (!errors.postal_code && pattern && !pattern.test(address.postal_code.trim())) {
    errors.postal_code = `A ${postalLabel(address.country)} there looks like ${example}.`;
  }
  return errors;
}

export function addressOf(fields: AddressFields): Address {
  const address: Address = {
    name: fields.name.trim(),
    line1: fields.line1.trim(),
    city: fields.city.trim(),
    postal_code: fields.postal_code.trim(),
    country: fields.country,
  };
  if (fields.line2.trim()) address.line2 = fields.line2.trim();
  if (fields.region.trim()) address.region = fields.region.trim();
  return address;
}
