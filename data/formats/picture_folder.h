// A data set as folders of pictures, as torchvision's ImageFolder reads it.
#ifndef DISTILL_DATA_FORMATS_PICTURE_FOLDER_H_
#define DISTILL_DATA_FORMATS_PICTURE_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

// Whether `path` has a folder with folders of pictures in it: `train/CLASS/...`
// or `CLASS/...`. A picture is a file that ends in .png, .jpg or another of
// JPEG's endings, .pgm or .ppm, in any case.
bool IsPictureFolder(const std::string& path);

// The first such folder in `path`, up to `depth` levels down; empty if there is
// none.
std::string PictureFolderIn(const std::string& path, int depth);

// Of a folder `train`, and `test` or `val` (or both, then `val` is for
// validation; `valid` and `validation` are the same); or of one with classes
// alone and options.pictures.test_share. Classes are the names of the folders,
// sorted by their bytes, and a class's pictures are in the order of
// torchvision's ImageFolder: by folder, then by name, the folders in a class's
// folder too. Bytes of a name that are no UTF-8 are written as "\xHH". They are
// packed when they are opened: see Pack.
//
// Errors: InvalidArgument, with the folder, for one that has no picture (or for
// a share that leaves none), for a class of other splits than the training
// split, and for pictures of kinds that are not read (.webp, .gif, .bmp, .tif);
// FailedPrecondition for one class alone, or no test pictures; those of Pack.
absl::StatusOr<DatasetReader> OpenPictureFolder(const std::string& path,
                                                const DatasetOptions& options);

// All pictures in `path` and the folders in it, without labels, as `image`
// wants them. Errors: as OpenPictureFolder's.
absl::StatusOr<Dataset> LoadUnlabelled(const std::string& path,
                                       const ImageSpec& image,
                                       const DatasetOptions& options);

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_PICTURE_FOLDER_H_
