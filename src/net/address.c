#include "net/net.h"

#include "base/table.h"

#include <arpa/inet.h>
#include <string.h>

struct range {
    const char *network;
    int prefix;
};

/* IANA's special-purpose registry for IPv4; the last is a cloud's metadata service in public space.
 */
static const struct range address_refused_v4[] = {
    {"0.0.0.0", 8},       {"10.0.0.0", 8},      {"100.64.0.0", 10},    {"127.0.0.0", 8},
    {"169.254.0.0", 16},  {"172.16.0.0", 12},   {"192.0.0.0", 24},     {"192.0.2.0", 24},
    {"192.31.196.0", 24}, {"192.52.193.0", 24}, {"192.88.99.0", 24},   {"192.168.0.0", 16},
    {"192.175.48.0", 24}, {"198.18.0.0", 15},   {"198.51.100.0", 24},  {"203.0.113.0", 24},
    {"224.0.0.0", 4},     {"240.0.0.0", 4},     {"168.63.129.16", 32},
};

/* Of the global unicast space of IPv6, 2000::/3, which alone is taken. */
static const struct range address_refused_v6[] = {
    {"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"2620:4f:8000::", 48}, {"3fff::", 20},
};

static bool range_has(const unsigned char *network, const unsigned char *address, int prefix)
{
    int whole = prefix / 8, rest = prefix % 8;
    if (memcmp(network, address, (size_t)whole) != 0)
        return false;
    unsigned char mask = (unsigned char)(0xff00 >> rest);
    return rest == 0 || (network[whole] & mask) == (address[whole] & mask);
}

static bool ranges_have(const struct range *ranges, size_t count, int family,
                        const unsigned char *address)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char network[16];
        inet_pton(family, ranges[i].network, network);
        if (range_has(network, address, ranges[i].prefix))
            return true;
    }
    return false;
}

static bool v4_is_public(const unsigned char *address)
{
    return !ranges_have(address_refused_v4, TABLE_SIZE(address_refused_v4), AF_INET, address);
}

/* Forms that carry an IPv4 address (mapped, NAT64, 6to4, Teredo) lie outside 2000::/3 or in its
 * refused ranges, except NAT64, which is judged by what it carries. */
static bool v6_is_public(const unsigned char *address)
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(address, nat64, sizeof(nat64)) == 0)
        return v4_is_public(address + 12);
    return (address[0] & 0xe0) == 0x20 &&
           !ranges_have(address_refused_v6, TABLE_SIZE(address_refused_v6), AF_INET6, address);
}

bool net_address_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return v4_is_public(
            (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    if (address->sa_family == AF_INET6)
        return v6_is_public(
            (const unsigned char *)&((const struct sockaddr_in6 *)(const void *)address)
                ->sin6_addr);
    return false;
}
