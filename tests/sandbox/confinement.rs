//! Who a build is, and what it may touch.

use crate::support::Bench;

#[tokio::test]
async fn a_build_is_an_ordinary_user_without_any_privilege() {
    let bench = Bench::open().await;
    let said = bench
        .said("id -u; id -g; grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status")
        .await;
    let lines: Vec<_> = said.lines().skip_while(|line| *line != "1000").collect();
    assert_eq!(lines.get(1), Some(&"1000"), "{said}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        let zero = format!("{set}:\t0000000000000000");
        assert!(lines.contains(&zero.as_str()), "{set}: {said}");
    }
    assert!(lines.contains(&"NoNewPrivs:\t1"), "{said}");
    assert!(lines.contains(&"Seccomp:\t2"), "{said}");
}

#[tokio::test]
async fn a_build_can_write_to_its_two_volumes_and_nowhere_else() {
    let bench = Bench::open().await;
    let said = bench
        .said(
            "for folder in / /etc /usr/bin /var/lib /opt /build /build/src /build/out /build/home /tmp; do
               if touch $folder/probe 2>/dev/null; then echo \"writes $folder\"; fi
             done",
        )
        .await;
    let written: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("writes "))
        .collect();
    assert_eq!(
        written,
        ["/build", "/build/src", "/build/out", "/build/home", "/tmp"],
        "{said}"
    );
}

#[tokio::test]
async fn a_build_sees_no_socket_of_the_host_and_no_device_of_it() {
    let bench = Bench::open().await;
    let said = bench
        .said(
            "find / -xdev \\( -type s -o -type b \\) -printf 'sees %p\\n' 2>/dev/null
             find /dev /run /mnt /srv -type b -printf 'sees %p\\n' 2>/dev/null
             ls -d /var/run/docker.sock /run/docker.sock 2>/dev/null | sed 's/^/sees /'
             echo looked",
        )
        .await;
    assert!(said.contains("looked"), "{said}");
    assert!(!said.contains("\nsees "), "{said}");
}
