//! Who sits at this machine.

use crate::failure::Failure;

/// The name of the operating system's user: who decides, unless the command says otherwise.
///
/// # Errors
/// When the system does not tell it.
pub fn name() -> Result<String, Failure> {
    let spoken = || ["LOGNAME", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    registered().or_else(spoken).filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        Failure::usage("cli.nobody", "this machine does not tell who you are; name who decides with --by NAME")
    })
}

/// The name that the system has for the user of this process: an environment can be set to anything.
#[cfg(target_os = "linux")]
fn registered() -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let user = std::fs::metadata("/proc/self").ok()?.uid();
    named(&std::fs::read_to_string("/etc/passwd").ok()?, user)
}

#[cfg(not(target_os = "linux"))]
fn registered() -> Option<String> {
    None
}

/// The name of a number in a file of users (passwd(5)).
#[cfg(any(target_os = "linux", test))]
fn named(users: &str, user: u32) -> Option<String> {
    let user = user.to_string();
    users.lines().find_map(|line| {
        let mut columns = line.split(':');
        let (name, number) = (columns.next()?, columns.nth(1)?);
        (number == user).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_name() {
        let users = "root:x:0:0:root:/:/bin/sh\n\n# comment\nanna:x:1000:1000:Anna,,,:/:/bin/sh\nshort:x\n";
        let check = |user, expected: Option<&str>| assert_eq!(named(users, user).as_deref(), expected, "{user}");
        check(0, Some("root"));
        check(1000, Some("anna"));
        check(1, None);
    }
}
