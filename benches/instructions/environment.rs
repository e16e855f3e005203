//! Finds what counts depend on beside the code: the compiler, what the CPU can do, the C library.

use crate::baseline::Environment;
use crate::simulator::Simulator;
use anyhow::Context as _;
use memchr::memmem;
use std::fs;
use std::path::Path;

/// Here and now, for this gateway.
pub(crate) fn find(simulator: &Simulator, gateway: &Path) -> anyhow::Result<Environment> {
    let myself = std::env::current_exe()?;
    Ok(Environment {
        rustc: text_after(gateway, "rustc version ")?,
        cpu: simulator.output(&[&myself, Path::new(ASK)])?,
        libc: libc()?,
        valgrind: simulator.version()?,
    })
}

/// What code is chosen by at run time.
pub(crate) fn features() -> String {
    let mut text = std::env::consts::ARCH.to_owned();
    #[cfg(target_arch = "x86_64")]
    for (name, is_there) in [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("bmi1", is_x86_feature_detected!("bmi1")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("movbe", is_x86_feature_detected!("movbe")),
        ("aes", is_x86_feature_detected!("aes")),
        ("vaes", is_x86_feature_detected!("vaes")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("sha", is_x86_feature_detected!("sha")),
        ("rdrand", is_x86_feature_detected!("rdrand")),
    ] {
        if is_there {
            text.push(' ');
            text.push_str(name);
        }
    }
    text
}

/// The version of the C library that this process, and so the gateway, runs with.
fn libc() -> anyhow::Result<String> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let is_libc =
        |path: &&str| Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().starts_with("libc"));
    let path = maps.split_whitespace().find(|word| word.starts_with('/') && is_libc(word)).context("no C library")?;
    text_after(Path::new(path), "stable release version ").map(|text| text.trim_end_matches('.').to_owned())
}

/// The rest of the line that begins so, in a binary.
fn text_after(file: &Path, begin: &str) -> anyhow::Result<String> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let start =
        memmem::find(&bytes, begin.as_bytes()).with_context(|| format!("no `{begin}` in {}", file.display()))?;
    let rest = bytes[start + begin.len()..].split(u8::is_ascii_control).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(rest).into_owned())
}

/// With this the benchmark starts itself under valgrind, to be told `features`.
pub(crate) const ASK: &str = "--features";
