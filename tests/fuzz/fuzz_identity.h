/*
 * A recipient for fuzzing, fixed so that inputs found once stay meaningful. The key is public here
 * and guards nothing.
 */
#ifndef FUZZ_IDENTITY_H
#define FUZZ_IDENTITY_H

static const char fuzz_key[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgao8y/LrzKf1kno3O\n"
                               "UUW4tSQXllq7/8XmmOQP8r9tpKyhRANCAAQXgkhsy8fDLnMDJTJIuEf78COJ4Oo/\n"
                               "nipos3nK4Yhu0ia4S4Sb2l9beFgZBrmxY4jzSmTnW3nWK/ABXM95gNB8\n"
                               "-----END PRIVATE KEY-----\n";
static const char fuzz_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIB2zCCAYCgAwIBAgIQTESF7KOY+jcTxfJSKQaT1DAKBggqhkjOPQQDAjAYMRYw\n"
    "FAYDVQQDDA1QZWVycG9zdCByb290MCAXDTI2MDEwMTAwMDAwMFoYDzIwOTkwMTAx\n"
    "MDAwMDAwWjAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF4JIbMvHwy5zAyUy\n"
    "SLhH+/AjieDqP54qaLN5yuGIbtImuEuEm9pfW3hYGQa5sWOI80pk51t51ivwAVzP\n"
    "eYDQfKOBwTCBvjAdBgNVHQ4EFgQUcyqJ7fJfNlvmSHhucGwPuDRjQTMwHwYDVR0j\n"
    "BBgwFoAU9Pa3LtwCqmNCKgW4Yr1BGD1xHgEwEwYDVR0RAQH/BAkwB4EFYm9iQHgw\n"
    "QgYDVR0fBDswOTA3oDWgM4YxaHR0cHM6Ly9hbnkucGVlcnBvc3QuYWx0Ly53ZWxs\n"
    "LWtub3duL3BlZXJwb3N0L2NybDAOBgNVHQ8BAf8EBAMCA4gwEwYDVR0lBAwwCgYI\n"
    "KwYBBQUHAwQwCgYIKoZIzj0EAwIDSQAwRgIhAOSjl7wrnkpHVGX1dbrdvQz4WXzh\n"
    "nMNbRjCBwbkvXwzcAiEA1uVqHkBcIve+dncnjPwhzaYXWuboNK/0fQL1RwzpWVE=\n"
    "-----END CERTIFICATE-----\n";

#endif
