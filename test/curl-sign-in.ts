/** Signing in with curl, on a host of a deployment: no browser, but every request that one would send. */
export interface CurlSignIn {
  /** Where the protected application is: `https://203.0.113.60/`. */
  readonly application: string;
  /** Host of the sign-in pages. */
  readonly accounts: string;
  /** File of cookies there. */
  readonly jar: string;
  readonly email: string;
  readonly password: string;
}

/** A script that goes all the way; it prints where it ended, and the words of what is shown there. */
export const curlSignIn = ({ application, accounts, jar, email, password }: CurlSignIn): string => `
    visit() { curl -sk -m 10 -L -c ${jar} -b ${jar} -o ${jar}.page -w '%{url_effective}' "$@"; }
    send() { at=$1; shift; visit -H "Origin: https://${accounts}" -H 'Sec-Fetch-Site: same-origin' "$@" "$at"; }
    at=$(visit ${application})
    at=$(send "$at/password" --data-urlencode 'email=${email}' --data-urlencode 'password=${password}')
    if grep -q '/consent"' ${jar}.page; then at=$(send "$at/consent" -d ''); fi
    echo "$at"; sed 's/<style>.*<.style>//; s/<[^>]*>/ /g' ${jar}.page
  `;
