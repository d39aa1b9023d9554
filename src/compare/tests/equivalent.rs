//! What normalizers make equal, and what they never do.

use super::archives::{gzip_with, tgz, zip_with};
use super::*;

fn steps(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> Option<Vec<String>> {
    let comparison = held_against(published, rebuilt, kind);
    let equivalence = comparison
        .differs()
        .expect("they differ")
        .equivalence
        .clone()?;
    let mut before = [Sha256Digest::of(published), Sha256Digest::of(rebuilt)];
    for step in &equivalence.applied {
        assert_eq!(before, [step.published_before, step.rebuilt_before]);
        before = [step.published_after, step.rebuilt_after];
    }
    assert_eq!(before, [equivalence.sha256; 2]);
    Some(
        equivalence
            .applied
            .into_iter()
            .map(|s| s.normalizer)
            .collect(),
    )
}

fn changed(mut files: Vec<File>, change: impl Fn(&mut File)) -> Vec<File> {
    files.iter_mut().for_each(change);
    files
}

#[test]
fn a_compressor_a_time_and_an_order_are_taken_out_of_a_tar() {
    let plain = tgz(&crate_files());
    let steps = |published: &[u8]| steps(published, &plain, ArtifactKind::Crate);
    let recompressed = gzip(&tar(&crate_files()), 1);
    assert_eq!(steps(&recompressed).expect("equivalent"), ["decompress/1"]);
    let later = tgz(&changed(crate_files(), |f| f.mtime += 60));
    assert_eq!(
        steps(&later).expect("equivalent"),
        ["decompress/1", "tar-mtime/1"]
    );
    let mut swapped = crate_files();
    swapped.swap(0, 3);
    let swapped = tgz(&changed(swapped, |f| f.mode = 0o664));
    assert_eq!(
        steps(&swapped).expect("equivalent"),
        ["decompress/1", "tar-mode/1", "tar-order/1"]
    );
}

#[test]
fn a_compressor_a_time_and_an_order_are_taken_out_of_a_zip() {
    let plain = zip(&wheel_files());
    let steps = |published: &[u8]| steps(published, &plain, ArtifactKind::PureWheel);
    let stored = zip_with(
        &wheel_files(),
        |o| o.compression_method(::zip::CompressionMethod::Stored),
        "",
    );
    assert_eq!(
        steps(&stored).expect("equivalent"),
        ["zip-compression/1", "zip-writer/1"]
    );
    let later = zip(&changed(wheel_files(), |f| f.mtime += 86_400));
    assert_eq!(steps(&later).expect("equivalent"), ["zip-mtime/1"]);
    let mut swapped = wheel_files();
    swapped.swap(0, 3);
    let swapped = zip(&changed(swapped, |f| f.mode = 0o664));
    assert_eq!(
        steps(&swapped).expect("equivalent"),
        ["zip-mode/1", "zip-order/1"]
    );
}

#[test]
fn content_names_links_and_exec_bits_are_never_normalized() {
    let changes: [fn(&mut File); 5] = [
        |f| f.content.push(b'\n'),
        |f| f.name.push('x'),
        |f| f.mode = 0o755,
        |f| f.mode = 0o4644,
        |f| f.link = Some("elsewhere".to_owned()),
    ];
    for change in changes {
        for index in 0..4 {
            let mut published = crate_files();
            change(&mut published[index]);
            // A harmless difference beside it must not carry it through.
            published[4].mtime += 60;
            let of_crate = steps(&tgz(&published), &tgz(&crate_files()), ArtifactKind::Crate);
            assert_eq!(of_crate, None);
            let mut published = wheel_files();
            change(&mut published[index]);
            if zip(&published) == zip(&wheel_files()) {
                // The writer drops set-user-ID bits.
                continue;
            }
            published[(index + 1) % 4].mtime += 86_400;
            let wheels = [zip(&published), zip(&wheel_files())];
            assert_eq!(steps(&wheels[0], &wheels[1], ArtifactKind::PureWheel), None);
        }
    }
}

#[test]
fn what_can_hide_bytes_is_refused() {
    let plain = tgz(&crate_files());
    let inside = tar(&crate_files());
    for published in [
        gzip_with(&inside, 6, flate2::GzBuilder::new().comment("payload")),
        gzip_with(&inside, 6, flate2::GzBuilder::new().extra(*b"AB\0\0")),
        gzip_with(&inside, 6, flate2::GzBuilder::new().filename("a b")),
        [&gzip(&inside[..512], 6)[..], &gzip(&inside[512..], 6)].concat(),
        [&plain[..], &[0; 9]].concat(),
    ] {
        assert_eq!(steps(&published, &plain, ArtifactKind::Crate), None);
    }
    let commented = zip_with(&wheel_files(), |o| o, "payload");
    assert_eq!(
        steps(&commented, &zip(&wheel_files()), ArtifactKind::PureWheel),
        None
    );
}

#[test]
fn the_order_of_members_matters_where_there_are_links_or_a_name_twice() {
    let linked = |swap: bool| {
        let mut files = crate_files();
        files[4].link = Some("src".into());
        if swap {
            files.swap(0, 1);
        }
        tgz(&files)
    };
    assert_eq!(
        steps(&linked(true), &linked(false), ArtifactKind::Crate),
        None
    );
    let twice = |first: &str, second: &str| tgz(&[file("x/a", first), file("x//a", second)]);
    let swapped = |first: &str, second: &str| tgz(&[file("x//a", second), file("x/a", first)]);
    assert_eq!(
        steps(&twice("1", "2"), &swapped("1", "2"), ArtifactKind::Crate),
        None
    );
}

#[test]
fn archives_within_archives_are_not_normalized() {
    let outer = |inner: Vec<u8>| zip(&[file("inner.tgz", inner)]);
    let later = tgz(&changed(crate_files(), |f| f.mtime += 60));
    let published = outer(later);
    let rebuilt = outer(tgz(&crate_files()));
    assert_eq!(steps(&published, &rebuilt, ArtifactKind::Other), None);
}
